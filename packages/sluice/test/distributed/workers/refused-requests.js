// Makes requests that should all be refused, several at a time, until it is signaled to stop.

import { store } from './store.js'
import { serveRequests } from './worker-messages.js'

const CONCURRENCY = 3

const count = { admitted: 0, refused: 0 }
let stopped = false

serveRequests(
  async ({ requests }) => {
    const all = Array.from({ length: CONCURRENCY }, () => requests).flat()
    await Promise.all(all.map(repeat))
    return count
  },
  () => {
    stopped = true
  },
)

/** @param {object[]} request */
async function repeat(request) {
  while (!stopped) {
    const lease = `${process.pid} ${count.refused}`
    const verdicts = await store.take(request.map((charge) => ({ ...charge, lease })))
    if (verdicts.every(({ allowed }) => allowed)) count.admitted++
    else count.refused++
  }
}
