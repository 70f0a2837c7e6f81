import { type MemoryStore, memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Charge, Store } from '../../src/stores/store.js'

/** A store whose decisions stay pending until the test calls `decidePending`. */
export interface SlowStore extends Store {
  /** The number of pending decisions. */
  readonly pending: number
  /** Makes all pending decisions. */
  decidePending(): void
}

/** Creates a memory store whose decisions are promises. */
export function asynchronousStore(store: MemoryStore = memoryStore()): Store {
  return { ...otherMethods(store), take: async (charges) => store.take(charges) }
}

export function slowStore(store: MemoryStore = memoryStore()): SlowStore {
  const pending: (() => void)[] = []
  return {
    ...otherMethods(store),
    take: async (charges: readonly Charge[]) => {
      await new Promise<void>((resolve) => pending.push(resolve))
      return store.take(charges)
    },
    get pending() {
      return pending.length
    },
    decidePending() {
      for (const resolve of pending.splice(0)) resolve()
    },
  }
}

function otherMethods(store: MemoryStore): Omit<Store, 'take'> {
  return {
    peek: (charges) => store.peek(charges),
    settle: (settlements) => store.settle(settlements),
    reset: (scope, key) => store.reset(scope, key),
    close: () => store.close(),
  }
}
