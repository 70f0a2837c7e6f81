// Makes requests with several charges in random order and reports the admitted ones by kind.

import { store } from './store.js'
import { serveRequests } from './worker-messages.js'

serveRequests(async ({ kinds, times, concurrency }) => {
  const requests = shuffled(
    kinds.flatMap((/** @type {object[]} */ _, /** @type {number} */ kind) => Array(times).fill(kind)),
  )
  const admitted = kinds.map(() => 0)
  const unequal = { count: 0 }
  let next = 0
  const work = async () => {
    for (let kind = requests[next++]; kind !== undefined; kind = requests[next++]) {
      const lease = `${process.pid} ${next}`
      const verdicts = await store.take(
        kinds[kind].map((/** @type {object} */ charge) => ({ ...charge, lease })),
      )
      if (!verdicts.every(({ allowed }) => allowed)) continue
      admitted[kind]++
      if (new Set(verdicts.map(({ remaining }) => remaining)).size > 1) unequal.count++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return { admitted, unequal: unequal.count }
})

/** @param {number[]} list */
function shuffled(list) {
  const all = [...list]
  for (let last = all.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    const [a, b] = [all[last] ?? 0, all[other] ?? 0]
    all[last] = b
    all[other] = a
  }
  return all
}
