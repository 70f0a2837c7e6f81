import type { SlotArena } from './slot-arena.js'

/** Length of a tick, in milliseconds: how late at most something is found to be due. */
const TICK = 16
const SLOTS = 64
/** Six levels of 64 slots of 16 ms span 34 years, longer than any period. */
const LEVELS = 6

/**
 * A hierarchical timing wheel (Varghese and Lauck, SOSP 1987): what expires is found without looking at what does not.
 *
 * Levels of 64 slots each; a slot of level n spans 64^n ticks. Putting in and taking out are O(1). When time moves on,
 * the slots that it passed are handed to a queue of what is due, list by list, at most 64 a level however far it
 * moved; the queue is worked off a few at a time, so that no single caller pays for a million that expire together.
 *
 * What is kept in the wheel may be put off for later without telling it: it is looked at when it was first due, and put in again. The
 * lists run through the slots themselves, and each begins and ends at a slot of its own.
 */
export class TimingWheel {
  readonly #slots: SlotArena
  readonly #lists: readonly number[]
  readonly #due: number
  /** Nothing is due. */
  #isIdle = true
  /** The tick up to which all lists have been handed over. */
  #tick: number

  constructor(slots: SlotArena, now: number) {
    this.#slots = slots
    this.#lists = Array.from({ length: LEVELS * SLOTS }, () => slots.allocate())
    this.#due = slots.allocate()
    this.#tick = Math.floor(now / TICK)
  }

  /** Puts in a slot, to be looked at when it expires, in milliseconds of the wheel's clock; one that is in already is moved. */
  schedule(slot: number, expiresAt: number): void {
    this.remove(slot)
    const tick = Math.max(this.#tick + 1, Math.ceil(expiresAt / TICK))
    let level = 0
    let span = 1
    while (level < LEVELS - 1 && tick - this.#tick >= span * SLOTS) {
      level++
      span *= SLOTS
    }
    const furthest = Math.min(Math.floor(tick / span), Math.floor(this.#tick / span) + SLOTS - 1)
    const list = this.#list(level, furthest)
    this.#slots.join(this.#slots.previous(list), slot)
    this.#slots.join(slot, list)
  }

  /** Takes out a slot. */
  remove(slot: number): void {
    const slots = this.#slots
    slots.join(slots.previous(slot), slots.next(slot))
    slots.join(slot, slot)
  }

  /** Whether there is nothing to do at this moment. */
  isIdleAt(now: number): boolean {
    return this.#isIdle && Math.floor(now / TICK) === this.#tick
  }

  /** Moves the time on. Set back, everything is looked at again, a few at a time. */
  advance(now: number): void {
    const tick = Math.floor(now / TICK)
    if (tick === this.#tick) return
    if (tick < this.#tick) {
      for (const list of this.#lists) this.#hasten(list)
      this.#tick = tick
      return
    }
    let span = 1
    for (let level = 0; level < LEVELS; level++, span *= SLOTS) {
      const from = Math.floor(this.#tick / span)
      const to = Math.min(Math.floor(tick / span), from + SLOTS)
      if (from === to) break
      for (let index = from + 1; index <= to; index++) this.#hasten(this.#list(level, index))
    }
    this.#tick = tick
  }

  /** Takes out no more than `most` slots that were due and hands them over, to be released or put in again. */
  collect(most: number, look: (slot: number) => void): void {
    if (this.#isIdle) return
    for (let count = 0; count < most; count++) {
      const slot = this.#slots.next(this.#due)
      if (slot === this.#due) {
        this.#isIdle = true
        return
      }
      this.remove(slot)
      look(slot)
    }
  }

  #list(level: number, index: number): number {
    return this.#lists[level * SLOTS + (index % SLOTS)] as number
  }

  /** Moves all of a list to the end of what is due. */
  #hasten(list: number): void {
    const slots = this.#slots
    const first = slots.next(list)
    if (first === list) return
    this.#isIdle = false
    slots.join(slots.previous(this.#due), first)
    slots.join(slots.previous(list), this.#due)
    slots.join(list, list)
  }
}
