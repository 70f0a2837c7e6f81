// Makes calls on one key that all wait, and reports when each was admitted, in order.
import { createLimiter } from 'sluice'
import { now } from './clock.js'
import { store } from './store.js'
import { serveRequests } from './worker-messages.js'

serveRequests(async ({ name, limit, calls, aborted, atOnce }) => {
  // If the other process has taken the whole burst, both large calls wait as well.
  const limiter = createLimiter({
    store,
    name,
    rules: [{ limit, by: () => 'one key', cost: (cost) => cost, wait: '5m', queue: calls + 2 }],
  })
  /** @type {{ id: number, at: number, cost: number }[]} */
  const admissions = []
  let refused = 0
  let left = 0
  const caller = new AbortController()
  const call = async (/** @type {number} */ id, cost = 1, signal = new AbortController().signal) => {
    try {
      const { allowed } = await limiter.admit(cost, { signal })
      if (allowed) admissions.push({ id, at: now(), cost })
      else refused++
    } catch {
      left++
    }
  }
  const began = now()
  // The second call needs the whole burst again, so it waits, and all others wait behind it. At
  // once, all calls are sent to the store before it refuses the second.
  const large = [call(-2, limit.burst), call(-1, limit.burst)]
  if (!atOnce) await large[0]
  const first = Array.from({ length: calls }, (_, id) =>
    call(id, 1, id < calls - aborted ? undefined : caller.signal),
  )
  // The newest calls leave, and as many join in their places.
  caller.abort()
  const later = Array.from({ length: aborted }, (_, index) => call(calls + index))
  await Promise.all([...large, ...first, ...later])
  return { admissions, refused, left, began }
})
