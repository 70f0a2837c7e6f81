import type { MaybePromise } from '../stores/store.js'
import type { Timers } from '../time/timers.js'

/** The result of one attempt, or the milliseconds after which to try again. */
export type Attempt<T> = { readonly result: T } | { readonly retryInMs: number }

/** A request that waits for a result. */
export interface Waiter<T> {
  /** Tries to get the result. Called only at the head of the queue, one call at a time. */
  attempt(): MaybePromise<Attempt<T>>
  /** Disposes of a result that arrived after the waiter had left the queue. */
  onLateResult(result: T): void
  readonly timeoutMs: number
  /** Aborts the wait. */
  readonly signal?: AbortSignal | undefined
  readonly client?: string | undefined
}

interface Entry<T> {
  readonly waiter: Waiter<T>
  readonly resolve: (result: T | undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * A first-come, first-served queue for a scarce resource. The head of the queue tries again on
 * `wake`, and after the delay that its last attempt returned.
 */
export class WaitQueue<T> {
  readonly #timers: Pick<Timers, 'start' | 'stop'>
  readonly #entries = new Set<Entry<T>>()
  /** Number of waiting requests per client. Clients without waiting requests have no entry. */
  readonly #counts = new Map<string, number>()
  #isServing = false
  #isAwake = false
  #timer: unknown

  constructor(timers: Pick<Timers, 'start' | 'stop'>) {
    this.#timers = timers
  }

  /** The number of waiting requests. */
  get length(): number {
    return this.#entries.size
  }

  /** Returns how many requests of a client are waiting. */
  countOf(client: string): number {
    return this.#counts.get(client) ?? 0
  }

  /**
   * Waits for a result.
   *
   * @returns the result, or undefined after the timeout. Rejects with the error of the attempt, or
   *   with the reason of the signal.
   */
  join(waiter: Waiter<T>): Promise<T | undefined> {
    const { timeoutMs, signal } = waiter
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => this.#leave(entry, () => entry.reject(signal?.reason))
      const timeout = this.#timers.start(() => this.#leave(entry, () => entry.resolve(undefined)), timeoutMs)
      const onSettled = () => {
        this.#timers.stop(timeout)
        signal?.removeEventListener('abort', onAbort)
        this.#count(waiter.client, -1)
      }
      const entry: Entry<T> = {
        waiter,
        resolve: (result) => {
          onSettled()
          resolve(result)
        },
        reject: (error) => {
          onSettled()
          reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort)
      this.#entries.add(entry)
      this.#count(waiter.client, 1)
      if (this.#entries.size === 1) this.wake()
    })
  }

  /** Lets the head of the queue try again. */
  wake(): void {
    this.#isAwake = true
    if (!this.#isServing) this.#serve()
  }

  #count(client: string | undefined, change: 1 | -1): void {
    if (client === undefined) return
    const count = this.countOf(client) + change
    if (count > 0) this.#counts.set(client, count)
    else this.#counts.delete(client)
  }

  #leave(entry: Entry<T>, settle: () => void): void {
    if (!this.#entries.delete(entry)) return
    settle()
    // The next request may succeed where this one could not.
    this.wake()
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    while (this.#isAwake) {
      this.#isAwake = false
      this.#timers.stop(this.#timer)
      const [first] = this.#entries
      if (first !== undefined && (await this.#try(first))) this.#isAwake = true
    }
    this.#isServing = false
  }

  /** @returns true if the next request may make an attempt */
  async #try(first: Entry<T>): Promise<boolean> {
    try {
      const attempt = await first.waiter.attempt()
      const isWaiting = this.#entries.has(first)
      if ('retryInMs' in attempt) {
        if (isWaiting) this.#timer = this.#timers.start(() => this.wake(), attempt.retryInMs)
        return !isWaiting
      }
      // An entry that has left the queue in the meantime is already settled and no longer counted.
      if (this.#entries.delete(first)) first.resolve(attempt.result)
      else first.waiter.onLateResult(attempt.result)
    } catch (error) {
      if (this.#entries.delete(first)) first.reject(error)
    }
    return true
  }
}
