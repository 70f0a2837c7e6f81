import type { Clock, Timers } from 'sluice'
import { EventQueue, type QueuedEvent } from '../columns/event-queue.js'

interface ScheduledEvent extends QueuedEvent {
  run(): void
}

/**
 * The virtual time of a replay: the store's clock and the limiters' timers. It advances only on
 * request, and runs each event at its scheduled time.
 */
export class VirtualTime implements Clock, Pick<Timers, 'start' | 'stop'> {
  readonly #queue = new EventQueue<ScheduledEvent>()
  #now: number
  #hasBackground = true

  /** @param origin milliseconds since the epoch at time 0 */
  constructor(
    start: number,
    private readonly origin: number,
  ) {
    this.#now = start
  }

  readonly now = (): number => this.#now

  readonly wallTime = (): number => this.origin + this.#now

  start(callback: () => void, milliseconds: number, background = false): unknown {
    const timer: ScheduledEvent = { at: this.#now + milliseconds, run: callback, number: 0, index: -1 }
    if (this.#hasBackground || !background) this.#queue.add(timer)
    return timer
  }

  /** Schedules a callback for exactly a time, which a sum of the current time and a delay may miss. */
  startAt(callback: () => void, at: number): unknown {
    const timer: ScheduledEvent = { at, run: callback, number: 0, index: -1 }
    this.#queue.add(timer)
    return timer
  }

  stop(timer: unknown): void {
    if (timer !== undefined) this.#queue.remove(timer as ScheduledEvent)
  }

  /** Ignores background timers started from now on. */
  endBackground(): void {
    this.#hasBackground = false
  }

  /** Reports whether an event is scheduled at or before the given time. */
  hasUntil(time: number): boolean {
    const { first } = this.#queue
    return first !== undefined && first.at <= time
  }

  /** Time of the next event; undefined if there is none. */
  get next(): number | undefined {
    return this.#queue.first?.at
  }

  /** Advances to the next event and runs it. */
  step(): void {
    const { first } = this.#queue
    if (first === undefined) return
    this.#queue.remove(first)
    this.moveTo(first.at)
    first.run()
  }

  /** Advances to a time. Earlier times are ignored. */
  moveTo(time: number): void {
    if (time > this.#now) this.#now = time
  }
}
