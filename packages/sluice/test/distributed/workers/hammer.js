// Makes requests that are all to be refused, several at a time, until it is told to stop; says how many there were.
import { answerWith } from './conversation.js'
import { store } from './store.js'

const AT_ONCE = 3

const count = { admitted: 0, refused: 0 }
let stopped = false

answerWith(
  async ({ requests }) => {
    const all = Array.from({ length: AT_ONCE }, () => requests).flat()
    await Promise.all(all.map(hammer))
    return count
  },
  () => {
    stopped = true
  },
)

/** @param {object[]} request */
async function hammer(request) {
  while (!stopped) {
    const lease = `${process.pid} ${count.refused}`
    const verdicts = await store.take(request.map((charge) => ({ ...charge, lease })))
    if (verdicts.every(({ allowed }) => allowed)) count.admitted++
    else count.refused++
  }
}
