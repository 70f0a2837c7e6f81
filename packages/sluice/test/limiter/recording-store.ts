import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Settlement, Store } from '../../src/stores/store.js'
import { manualClock } from '../../src/time/clock.js'

/** A store in memory, with the record of what it was asked. */
export interface RecordingStore {
  readonly store: Store
  readonly clock: ReturnType<typeof manualClock>
  /** What was asked of it, one word a call. */
  readonly calls: string[]
  /** The costs that settlements named. */
  readonly settled: number[]
}

/** @param settle what happens on a settlement; default: it is done */
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
