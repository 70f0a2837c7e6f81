import type { Clock, Timers } from 'sluice'
import { EventQueue, type Happening } from './event-queue.js'

/**
 * The time of a replay: it stands still until it is moved on, and what was to happen meanwhile happens on the way, each at its
 * own time. It is the clock of the store and the timers of the limiters.
 */
export class VirtualTime implements Clock, Pick<Timers, 'start' | 'stop'> {
  readonly #queue = new EventQueue()
  #now: number
  #withBackground = true

  /** @param origin milliseconds since the epoch at which its time is 0 */
  constructor(
    start: number,
    private readonly origin: number,
  ) {
    this.#now = start
  }

  readonly now = (): number => this.#now

  readonly wallTime = (): number => this.origin + this.#now

  start(callback: () => void, milliseconds: number, background = false): unknown {
    const timer: Happening = { at: this.#now + milliseconds, happen: callback, number: 0, place: -1 }
    if (this.#withBackground || !background) this.#queue.add(timer)
    return timer
  }

  stop(timer: unknown): void {
    if (timer !== undefined) this.#queue.remove(timer as Happening)
  }

  /** Starts nothing in the background any more. */
  endBackground(): void {
    this.#withBackground = false
  }

  /** Whether anything is yet to happen up to a time. */
  hasUntil(time: number): boolean {
    const { first } = this.#queue
    return first !== undefined && first.at <= time
  }

  /** When the next thing happens; undefined where nothing will. */
  get next(): number | undefined {
    return this.#queue.first?.at
  }

  /** Lets the next thing happen, at its time. */
  step(): void {
    const { first } = this.#queue
    if (first === undefined) return
    this.#queue.remove(first)
    this.moveTo(first.at)
    first.happen()
  }

  /** It never goes back. */
  moveTo(time: number): void {
    if (time > this.#now) this.#now = time
  }
}
