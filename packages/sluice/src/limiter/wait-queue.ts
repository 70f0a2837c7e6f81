import type { MaybePromise } from '../stores/store.js'
import type { Timers } from '../time/timers.js'

/**
 * The result of one attempt, the milliseconds after which to try again, or the queue in which to
 * continue to wait.
 */
export type Attempt<T> =
  | { readonly result: T }
  | { readonly retryInMs: number }
  | { readonly moveTo: WaitQueue<T> }

/** A request that waits for a result. */
export interface Waiter<T> {
  /** Tries to get the result. Called only at the head of a queue, one call at a time. */
  attempt(): MaybePromise<Attempt<T>>
  /**
   * Returns a result that ends the wait of a request that joins behind others; undefined to wait.
   * An error has no effect.
   */
  checkEarly?: (() => MaybePromise<T | undefined>) | undefined
  /** Disposes of a result that arrived after the waiter had left the queue. */
  onLateResult(result: T): void
  /** Time in all queues together. */
  readonly timeoutMs: number
  /** Orders the waiters of a queue. Default: the last place. */
  readonly ticket?: number | undefined
  /** Aborts the wait. */
  readonly signal?: AbortSignal | undefined
  readonly client?: string | undefined
}

interface Entry<T> {
  readonly waiter: Waiter<T>
  readonly ticket: number
  readonly resolve: (result: T | undefined) => void
  readonly reject: (error: unknown) => void
  /** The queue that the entry is in; undefined after it has left. */
  queue: WaitQueue<T> | undefined
  previous: Entry<T> | undefined
  next: Entry<T> | undefined
}

/**
 * A first-come, first-served queue for a scarce resource. The head of the queue tries again on
 * `wake`, and after the delay that its last attempt returned.
 */
export class WaitQueue<T> {
  readonly #timers: Pick<Timers, 'start' | 'stop'>
  readonly #onEmpty: () => void
  #first: Entry<T> | undefined
  #last: Entry<T> | undefined
  #length = 0
  /** Number of waiting requests per client. Clients without waiting requests have no entry. */
  readonly #counts = new Map<string, number>()
  #isServing = false
  #isAwake = false
  #timer: unknown

  /** @param onEmpty called when the last request leaves the queue */
  constructor(timers: Pick<Timers, 'start' | 'stop'>, onEmpty: () => void = () => {}) {
    this.#timers = timers
    this.#onEmpty = onEmpty
  }

  /** The number of waiting requests. */
  get length(): number {
    return this.#length
  }

  /** The ticket of the head of the queue; undefined if the queue is empty. */
  get firstTicket(): number | undefined {
    return this.#first?.ticket
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
      const onAbort = () => leave(entry, () => entry.reject(signal?.reason))
      const unsubscribe = signal && onAborted(signal, onAbort)
      const timeout = this.#timers.start(() => leave(entry, () => entry.resolve(undefined)), timeoutMs)
      const onSettled = () => {
        this.#timers.stop(timeout)
        unsubscribe?.()
      }
      const entry: Entry<T> = {
        waiter,
        ticket: waiter.ticket ?? this.#last?.ticket ?? 0,
        resolve: (result) => {
          onSettled()
          resolve(result)
        },
        reject: (error) => {
          onSettled()
          reject(error)
        },
        queue: undefined,
        previous: undefined,
        next: undefined,
      }
      this.#insert(entry)
      if (waiter.checkEarly !== undefined && this.#first !== entry) checkEarly(entry, waiter.checkEarly)
    })
  }

  /** Lets the head of the queue try again. */
  wake(): void {
    this.#isAwake = true
    if (!this.#isServing) this.#serve()
  }

  /** Inserts an entry behind all entries with the same or a smaller ticket. */
  #insert(entry: Entry<T>): void {
    let previous = this.#last
    while (previous !== undefined && previous.ticket > entry.ticket) previous = previous.previous
    entry.queue = this
    entry.previous = previous
    entry.next = previous === undefined ? this.#first : previous.next
    if (entry.next === undefined) this.#last = entry
    else entry.next.previous = entry
    if (previous !== undefined) previous.next = entry
    else this.#first = entry
    this.#length++
    this.#count(entry.waiter.client, 1)
    if (previous === undefined) this.wake()
  }

  /** Removes an entry of this queue. */
  #remove(entry: Entry<T>): void {
    const { previous, next } = entry
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    entry.queue = undefined
    entry.previous = undefined
    entry.next = undefined
    this.#length--
    this.#count(entry.waiter.client, -1)
    if (this.#length === 0) this.#onEmpty()
    // The next request may succeed where this one could not.
    if (previous === undefined) this.wake()
  }

  /** Removes an entry from the queue that it is in. Returns false if it has left. */
  static remove<T>(entry: Entry<T>): boolean {
    const { queue } = entry
    if (queue === undefined) return false
    queue.#remove(entry)
    return true
  }

  #count(client: string | undefined, change: 1 | -1): void {
    if (client === undefined) return
    const count = this.countOf(client) + change
    if (count > 0) this.#counts.set(client, count)
    else this.#counts.delete(client)
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    while (this.#isAwake) {
      this.#isAwake = false
      this.#timers.stop(this.#timer)
      if (this.#first !== undefined) await this.#try(this.#first)
    }
    this.#isServing = false
  }

  async #try(first: Entry<T>): Promise<void> {
    try {
      const attempt = await first.waiter.attempt()
      if ('retryInMs' in attempt) {
        if (first === this.#first) this.#timer = this.#timers.start(() => this.wake(), attempt.retryInMs)
        else this.#isAwake = true
      } else if ('moveTo' in attempt) {
        if (WaitQueue.remove(first)) attempt.moveTo.#insert(first)
      } else if (WaitQueue.remove(first)) first.resolve(attempt.result)
      else first.waiter.onLateResult(attempt.result)
    } catch (error) {
      if (WaitQueue.remove(first)) first.reject(error)
    }
  }
}

async function checkEarly<T>(entry: Entry<T>, check: () => MaybePromise<T | undefined>): Promise<void> {
  try {
    const result = await check()
    if (result !== undefined) leave(entry, () => entry.resolve(result))
  } catch {}
}

function leave<T>(entry: Entry<T>, settle: () => void): void {
  if (WaitQueue.remove(entry)) settle()
}

/** The requests that wait with one signal. */
interface AbortListener {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const abortListeners = new WeakMap<AbortSignal, AbortListener>()

/**
 * Calls back when a signal is aborted. All callbacks of a signal share one listener, because Node
 * warns of a leak from the eleventh listener on.
 *
 * @returns a function that removes the callback
 */
function onAborted(signal: AbortSignal, callback: () => void): () => void {
  const shared = abortListeners.get(signal) ?? listenFor(signal)
  shared.callbacks.add(callback)
  return () => {
    shared.callbacks.delete(callback)
    if (shared.callbacks.size > 0) return
    signal.removeEventListener('abort', shared.listener)
    abortListeners.delete(signal)
  }
}

function listenFor(signal: AbortSignal): AbortListener {
  const callbacks = new Set<() => void>()
  const listener = () => {
    for (const callback of [...callbacks]) callback()
  }
  const shared = { callbacks, listener }
  abortListeners.set(signal, shared)
  signal.addEventListener('abort', listener)
  return shared
}
