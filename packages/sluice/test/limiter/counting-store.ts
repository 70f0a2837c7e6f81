import { type MemoryStoreOptions, memoryStore } from '../../src/stores/memory/memory-store.js'
import type { PreparingStore } from '../../src/stores/preparing-store.js'

/**
 * Creates a memory store that counts takes on prepared charges and on the general path, and
 * settlements of prepared charges.
 */
export function countingStore(options: MemoryStoreOptions = {}) {
  const memory = memoryStore(options) as ReturnType<typeof memoryStore> & PreparingStore
  const counts = { prepared: 0, general: 0, settled: 0 }
  const store: PreparingStore = {
    take(charges) {
      counts.general++
      return memory.take(charges)
    },
    prepare: (rules) =>
      memory.prepare(rules, (operation) => {
        counts[operation === 'take' ? 'prepared' : 'settled']++
      }),
    peek: (charges) => memory.peek(charges),
    settle: (settlements) => memory.settle(settlements),
    reset: (scope, key) => memory.reset(scope, key),
    close: () => memory.close(),
  }
  return { store, counts }
}
