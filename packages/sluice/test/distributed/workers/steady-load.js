// Makes calls on each charge for a while, more than it lets in, and says what was let in and when.
import { setTimeout as pause } from 'node:timers/promises'
import { now } from './clock.js'
import { answerWith } from './conversation.js'
import { store } from './store.js'

/** Calls at a time on each charge. */
const CALLERS = 3
/** In each such time of the store's clock all processes are silent for a while, so that what was used comes back. */
const CYCLE = 4000
const SILENCE = 600

answerWith(async ({ charges, duration, maxCost }) => {
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
 * @param {number[][]} log for each admission: the store's time, the cost, and this machine's time before and after the call
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
    const silent = SILENCE - (at % CYCLE)
    await pause(silent > 0 ? silent : Math.random() * (allowed ? 1 : 6))
  }
}
