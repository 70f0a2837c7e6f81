import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import type { Charge, MaybePromise, Settlement, Store, StoreVerdict } from '../../../src/stores/store.js'

/**
 * Mode of a `FaultyStore`. `up`: resolves. `refuses`: rejects. `throws`: throws synchronously.
 * `hangs`: does not respond until `resume`, which executes all pending calls, like a server that
 * was suspended.
 */
export type Mode = 'up' | 'refuses' | 'throws' | 'hangs'

/** Wraps a memory store and fails on demand. */
export class FaultyStore implements Store {
  mode: Mode = 'up'
  readonly calls = { take: 0, peek: 0, settle: 0, reset: 0, close: 0 }
  readonly settled: Settlement[] = []
  #pending: (() => void)[] = []

  constructor(readonly wrapped: Store = memoryStore()) {}

  get callCount(): number {
    return this.calls.take + this.calls.peek + this.calls.settle + this.calls.reset
  }

  get pendingCount(): number {
    return this.#pending.length
  }

  take(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    this.calls.take++
    return this.#respond(() => this.wrapped.take(charges))
  }

  peek(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    this.calls.peek++
    return this.#respond(() => this.wrapped.peek(charges))
  }

  settle(settlements: readonly Settlement[]): Promise<void> {
    this.calls.settle++
    return this.#respond(() => {
      this.settled.push(...settlements)
      return this.wrapped.settle(settlements)
    })
  }

  reset(scope: string, key: string): Promise<void> {
    this.calls.reset++
    return this.#respond(() => this.wrapped.reset(scope, key))
  }

  close(): Promise<void> {
    this.calls.close++
    return this.#respond(() => this.wrapped.close())
  }

  /** Executes the pending calls and responds from now on. */
  resume(): void {
    this.mode = 'up'
    const pending = this.#pending
    this.#pending = []
    for (const each of pending) each()
  }

  /** Rejects the pending calls and all calls from now on. */
  disconnect(): void {
    const pending = this.#pending
    this.#pending = []
    this.mode = 'refuses'
    for (const each of pending) each()
  }

  #respond<T>(work: () => MaybePromise<T>): Promise<T> {
    if (this.mode === 'throws') throw new Error('not connected')
    if (this.mode === 'refuses') return Promise.reject(new Error('connection refused'))
    if (this.mode === 'up') return Promise.resolve().then(work)
    return new Promise((resolve, reject) => {
      this.#pending.push(() => {
        if (this.mode === 'refuses') reject(new Error('connection reset'))
        else resolve(work())
      })
    })
  }
}
