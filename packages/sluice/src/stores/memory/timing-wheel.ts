import type { SlotArena } from './slot-arena.js'

/** Length of a tick, in milliseconds. A slot becomes due at most this late. */
const TICK_MS = 16
/** Lists per level. */
const LISTS_PER_LEVEL = 64
/** Six levels of 64 lists and 16 ms ticks span 34 years, longer than any period. */
const LEVELS = 6

/**
 * Finds expired slots without visiting the others: a hierarchical timing wheel (Varghese and Lauck,
 * SOSP 1987).
 *
 * Each level has 64 lists; a list of level n spans 64^n ticks. Insertion and removal are O(1). When
 * time advances, the lists that it passes are appended to a queue of due slots, at most 64 per
 * level. Callers process a few due slots at a time, so no caller has to process a million slots
 * that expire together.
 *
 * The expiry of a slot may move to a later time without updating the wheel: the slot becomes
 * due at the earlier time and is then rescheduled. The lists link the slots themselves, and each
 * list has a slot as its head.
 */
export class TimingWheel {
  readonly #slots: SlotArena
  readonly #lists: readonly number[]
  readonly #due: number
  /** True while the queue of due slots is empty. */
  #isIdle = true
  /** The tick up to which all lists have been moved to the queue. */
  #tick: number

  constructor(slots: SlotArena, now: number) {
    this.#slots = slots
    this.#lists = Array.from({ length: LEVELS * LISTS_PER_LEVEL }, () => slots.allocate())
    this.#due = slots.allocate()
    this.#tick = Math.floor(now / TICK_MS)
  }

  /** Inserts or moves a slot. `expiresAt` is in milliseconds of the wheel's clock. */
  schedule(slot: number, expiresAt: number): void {
    this.remove(slot)
    const tick = Math.max(this.#tick + 1, Math.ceil(expiresAt / TICK_MS))
    let level = 0
    let span = 1
    while (level < LEVELS - 1 && tick - this.#tick >= span * LISTS_PER_LEVEL) {
      level++
      span *= LISTS_PER_LEVEL
    }
    const index = Math.min(Math.floor(tick / span), Math.floor(this.#tick / span) + LISTS_PER_LEVEL - 1)
    const list = this.#list(level, index)
    this.#slots.join(this.#slots.previous(list), slot)
    this.#slots.join(slot, list)
  }

  /** Removes a slot. */
  remove(slot: number): void {
    const slots = this.#slots
    slots.join(slots.previous(slot), slots.next(slot))
    slots.join(slot, slot)
  }

  /** Reports whether there is nothing to advance or collect. */
  isIdleAt(now: number): boolean {
    return this.#isIdle && Math.floor(now / TICK_MS) === this.#tick
  }

  /** Advances the time. If the clock was set back, all slots become due. */
  advance(now: number): void {
    const tick = Math.floor(now / TICK_MS)
    if (tick === this.#tick) return
    if (tick < this.#tick) {
      for (const list of this.#lists) this.#moveToDue(list)
      this.#tick = tick
      return
    }
    let span = 1
    for (let level = 0; level < LEVELS; level++, span *= LISTS_PER_LEVEL) {
      const from = Math.floor(this.#tick / span)
      const to = Math.min(Math.floor(tick / span), from + LISTS_PER_LEVEL)
      if (from === to) break
      for (let index = from + 1; index <= to; index++) this.#moveToDue(this.#list(level, index))
    }
    this.#tick = tick
  }

  /**
   * Removes at most `max` due slots and passes them to `onDue`, which deletes or reschedules them.
   */
  collect(max: number, onDue: (slot: number) => void): void {
    if (this.#isIdle) return
    for (let count = 0; count < max; count++) {
      const slot = this.#slots.next(this.#due)
      if (slot === this.#due) {
        this.#isIdle = true
        return
      }
      this.remove(slot)
      onDue(slot)
    }
  }

  #list(level: number, index: number): number {
    return this.#lists[level * LISTS_PER_LEVEL + (index % LISTS_PER_LEVEL)] as number
  }

  /** Moves a list to the end of the queue of due slots. */
  #moveToDue(list: number): void {
    const slots = this.#slots
    const first = slots.next(list)
    if (first === list) return
    this.#isIdle = false
    slots.join(slots.previous(this.#due), first)
    slots.join(slots.previous(list), this.#due)
    slots.join(list, list)
  }
}
