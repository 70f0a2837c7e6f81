// Takes, peeks, settles and resets at random, on keys that other processes use too.
import { answerWith } from './conversation.js'
import { store } from './store.js'

const AT_ONCE = 10

answerWith(async ({ charges, calls }) => {
  const count = { taken: 0, refused: 0, settled: 0, reset: 0 }
  let left = calls
  const work = async () => {
    while (left-- > 0) await call(anyOf(charges), `${process.pid} ${left}`, count)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return count
})

/**
 * @param {any} charge
 * @param {string} lease
 * @param {{ taken: number, refused: number, settled: number, reset: number }} count
 */
async function call(charge, lease, count) {
  const what = Math.random()
  if (what < 0.02) {
    await store.reset(charge.scope, charge.key)
    count.reset++
    return
  }
  const asked = { ...charge, cost: Math.floor(Math.random() * 4), lease }
  if (what < 0.1) {
    await store.peek([asked])
    return
  }
  const [{ allowed, at, resetAfter }] = await store.take([asked])
  if (!allowed) {
    count.refused++
    return
  }
  count.taken++
  if (what < 0.6) return
  const taken = { cost: asked.cost, at, resetAfter, lease }
  // Less than was taken, nothing of it, or more than there is.
  await store.settle([{ charge: asked, taken, cost: Math.floor(Math.random() * 7) }])
  count.settled++
}

/** @param {object[]} list */
function anyOf(list) {
  return list[Math.floor(Math.random() * list.length)]
}
