// Makes more calls for each charge than its limit admits, and reports the admissions with their
// times.
import { setTimeout as pause } from 'node:timers/promises'
import { now } from './clock.js'
import { store } from './store.js'
import { serveRequests } from './worker-messages.js'

/** Concurrent calls per charge. */
const CALLERS = 3
/**
 * At the start of each cycle of the store's clock, all processes pause so that the limits recover.
 */
const CYCLE_MS = 4000
const PAUSE_MS = 600

serveRequests(async ({ charges, duration, maxCost }) => {
  const end = now() + duration
  const logs = await Promise.all(
    charges.map(async (/** @type {object} */ charge) => {
      /** @type {number[][]} */
      const log = []
      const count = { calls: 0 }
      await Promise.all(Array.from({ length: CALLERS }, () => call(charge, maxCost, end, log, count)))
      return { log, calls: count.calls }
    }),
  )
  return { logs, wallTime: Date.now() }
})

/**
 * @param {any} charge
 * @param {number} maxCost
 * @param {number} end
 * @param {number[][]} log for each admission: store time, cost, and machine time before and after
 *   the call
 * @param {{ calls: number }} count
 */
async function call(charge, maxCost, end, log, count) {
  while (now() < end) {
    const cost = 1 + Math.floor(Math.random() * maxCost)
    const before = now()
    const [{ allowed, at }] = await store.take([{ ...charge, cost }])
    const after = now()
    count.calls++
    if (allowed) log.push([at, cost, before, after])
    const pauseMs = PAUSE_MS - (at % CYCLE_MS)
    await pause(pauseMs > 0 ? pauseMs : Math.random() * (allowed ? 1 : 6))
  }
}
