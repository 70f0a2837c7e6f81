import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Settlement, Store } from '../../src/stores/store.js'
import { manualClock } from '../../src/time/clock.js'

/** A memory store that records its calls. */
export interface RecordingStore {
  readonly store: Store
  readonly clock: ReturnType<typeof manualClock>
  /** The names of the called methods, in order. */
  readonly calls: string[]
  /** The costs of all settlements, in order. */
  readonly settled: number[]
}

/**
 * Creates a memory store that records its calls.
 *
 * @param settle replaces the `settle` of the memory store
 */
export function recordingStore(
  settle?: (settlements: readonly Settlement[]) => Promise<void>,
): RecordingStore {
  const clock = manualClock()
  const memory = memoryStore({ clock })
  const calls: string[] = []
  const settled: number[] = []
  const store: Store = {
    take(charges) {
      calls.push('take')
      return memory.take(charges)
    },
    peek(charges) {
      calls.push('peek')
      return memory.peek(charges)
    },
    settle(settlements) {
      calls.push('settle')
      settled.push(...settlements.map(({ cost }) => cost))
      return settle === undefined ? memory.settle(settlements) : settle(settlements)
    },
    reset(scope, key) {
      calls.push('reset')
      return memory.reset(scope, key)
    },
    close() {
      calls.push('close')
    },
  }
  return { store, clock, calls, settled }
}
