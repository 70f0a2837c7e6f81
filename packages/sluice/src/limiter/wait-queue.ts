import type { MaybePromise } from '../stores/store.js'
import type { Timers } from '../time/timers.js'

/** What trying for room gave: what was got, or in how many milliseconds it is worth trying again. */
export type Attempt<T> = { readonly got: T } | { readonly again: number }

/** One that waits. */
export interface Waiter<T> {
  /** Tries for room. It is called for the first in the line only, and never twice at once. */
  attempt(): MaybePromise<Attempt<T>>
  /** Gives back what was got for one who had left while it was being got. */
  giveBack(got: T): void
  /** How long it waits at most, in milliseconds. */
  readonly patience: number
  /** Ends its wait before that. */
  readonly signal?: AbortSignal | undefined
  /** The client that waits. */
  readonly name?: string | undefined
}

interface Standing<T> {
  readonly waiter: Waiter<T>
  readonly resolve: (got: T | undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * A line in front of something that has no room: first come, first served. Whoever is first tries when somebody says that
 * there may be room (`wake`), and by itself after the time that its last attempt gave.
 */
export class Line<T> {
  readonly #timers: Pick<Timers, 'start' | 'stop'>
  readonly #standing = new Set<Standing<T>>()
  /** How many of each name wait; none for a name of which nobody does. */
  readonly #counts = new Map<string, number>()
  #trying = false
  #woken = false
  #timer: unknown

  constructor(timers: Pick<Timers, 'start' | 'stop'>) {
    this.#timers = timers
  }

  /** How many wait. */
  get length(): number {
    return this.#standing.size
  }

  /** How many of a client's requests wait. */
  countOf(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /**
   * Waits for room.
   *
   * @returns what was got; undefined where it waited as long as it would. Rejects with what the attempt throws, or with the
   *   signal's reason.
   */
  join(waiter: Waiter<T>): Promise<T | undefined> {
    const { patience, signal } = waiter
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const left = () => this.#leave(standing, () => standing.reject(signal?.reason))
      const late = this.#timers.start(
        () => this.#leave(standing, () => standing.resolve(undefined)),
        patience,
      )
      const settled = () => {
        this.#timers.stop(late)
        signal?.removeEventListener('abort', left)
        this.#count(waiter.name, -1)
      }
      const standing: Standing<T> = {
        waiter,
        resolve: (got) => {
          settled()
          resolve(got)
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      }
      signal?.addEventListener('abort', left)
      this.#standing.add(standing)
      this.#count(waiter.name, 1)
      if (this.#standing.size === 1) this.wake()
    })
  }

  /** There may be room. */
  wake(): void {
    this.#woken = true
    if (!this.#trying) this.#serve()
  }

  #count(name: string | undefined, change: 1 | -1): void {
    if (name === undefined) return
    const count = this.countOf(name) + change
    if (count > 0) this.#counts.set(name, count)
    else this.#counts.delete(name)
  }

  #leave(standing: Standing<T>, end: () => void): void {
    if (!this.#standing.delete(standing)) return
    end()
    // The one behind it may ask for less.
    this.wake()
  }

  async #serve(): Promise<void> {
    this.#trying = true
    while (this.#woken) {
      this.#woken = false
      this.#timers.stop(this.#timer)
      const [first] = this.#standing
      if (first !== undefined && (await this.#try(first))) this.#woken = true
    }
    this.#trying = false
  }

  /** Returns whether the next one may try. */
  async #try(first: Standing<T>): Promise<boolean> {
    try {
      const attempt = await first.waiter.attempt()
      const waits = this.#standing.has(first)
      if ('again' in attempt) {
        if (waits) this.#timer = this.#timers.start(() => this.wake(), attempt.again)
        return !waits
      }
      if (!this.#standing.delete(first)) first.waiter.giveBack(attempt.got)
      first.resolve(attempt.got)
    } catch (error) {
      this.#standing.delete(first)
      first.reject(error)
    }
    return true
  }
}
