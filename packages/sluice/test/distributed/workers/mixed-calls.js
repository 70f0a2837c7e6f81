// Makes random calls of take, peek, settle and reset on keys shared with other processes.

import { store } from './store.js'
import { serveRequests } from './worker-messages.js'

const CONCURRENCY = 10

serveRequests(async ({ charges, calls }) => {
  const count = { taken: 0, refused: 0, settled: 0, reset: 0 }
  let left = calls
  const work = async () => {
    while (left-- > 0) await call(randomElement(charges), `${process.pid} ${left}`, count)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  return count
})

/**
 * @param {any} charge
 * @param {string} lease
 * @param {{ taken: number, refused: number, settled: number, reset: number }} count
 */
async function call(charge, lease, count) {
  const choice = Math.random()
  if (choice < 0.02) {
    await store.reset(charge.scope, charge.key)
    count.reset++
    return
  }
  const charged = { ...charge, cost: Math.floor(Math.random() * 4), lease }
  if (choice < 0.1) {
    await store.peek([charged])
    return
  }
  const [{ allowed, at, resetAfter }] = await store.take([charged])
  if (!allowed) {
    count.refused++
    return
  }
  count.taken++
  if (choice < 0.6) return
  const taken = { cost: charged.cost, at, resetAfter, lease }
  // The actual cost may be lower, zero, or higher than the capacity.
  await store.settle([{ charge: charged, taken, cost: Math.floor(Math.random() * 7) }])
  count.settled++
}

/** @param {object[]} list */
function randomElement(list) {
  return list[Math.floor(Math.random() * list.length)]
}
