import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { PreparingStore } from '../../src/stores/preparing-store.js'

/** Creates a memory store that counts takes on prepared charges and on the general path. */
export function countingStore() {
  const memory = memoryStore() as ReturnType<typeof memoryStore> & PreparingStore
  const counts = { prepared: 0, general: 0 }
  const store: PreparingStore = {
    take(charges) {
      counts.general++
      return memory.take(charges)
    },
    prepare: (rules) => memory.prepare(rules, () => counts.prepared++),
    peek: (charges) => memory.peek(charges),
    settle: (settlements) => memory.settle(settlements),
    reset: (scope, key) => memory.reset(scope, key),
    close: () => memory.close(),
  }
  return { store, counts }
}
