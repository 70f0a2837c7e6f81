// Makes many calls on one key, `concurrency` at a time, and reports the number of admitted calls.
import { createLimiter } from 'sluice'
import { now } from './clock.js'
import { store } from './store.js'
import { serveRequests } from './worker-messages.js'

serveRequests(async ({ name, rule, calls, concurrency }) => {
  const limiter = createLimiter({ store, name, rules: [rule] })
  const count = { admitted: 0, refused: 0, failed: 0, failure: '' }
  let left = calls
  const call = async () => {
    while (left > 0) {
      left--
      try {
        // Permits are never released, so their slots stay in use.
        const { allowed } = await limiter.admit('one key')
        if (allowed) count.admitted++
        else count.refused++
      } catch (error) {
        count.failed++
        count.failure = String(error)
      }
    }
  }
  const began = now()
  await Promise.all(Array.from({ length: concurrency }, call))
  return { ...count, began, ended: now(), wallTime: Date.now() }
})
