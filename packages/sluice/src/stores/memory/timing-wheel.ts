/**
 * A hierarchical timing wheel (Varghese and Lauck, SOSP 1987): what expires is found without looking at what does not.
 *
 * Levels of 64 slots each; a slot of level n spans 64^n ticks. Putting in and taking out are O(1). When time moves on,
 * the slots that it passed are handed to a queue of what is due, list by list, at most 64 a level however far it
 * moved; the queue is worked off a few at a time, so that no single caller pays for a million that expire together.
 *
 * What is kept in the wheel may be put off for later (`expiresAt` raised) without telling it: it is looked at when
 * it was first due, and put in again.
 */
export class Expiring {
  /** When this may be forgotten, in milliseconds of the wheel's clock. */
  expiresAt = 0
  previous: Expiring = this
  next: Expiring = this
}

/** Length of a tick, in milliseconds: how late at most something is found to be due. */
const TICK = 16
const SLOTS = 64
/** Six levels of 64 slots of 16 ms span 34 years, longer than any period. */
const LEVELS = 6

export class TimingWheel<T extends Expiring> {
  readonly #slots: Expiring[] = Array.from({ length: LEVELS * SLOTS }, () => new Expiring())
  readonly #due = new Expiring()
  /** The tick up to which all slots have been handed over. */
  #tick: number

  constructor(now: number) {
    this.#tick = Math.floor(now / TICK)
  }

  /** Puts a thing in, by its `expiresAt`; one that is in already is moved. */
  schedule(thing: T): void {
    unlink(thing)
    const tick = Math.max(this.#tick + 1, Math.ceil(thing.expiresAt / TICK))
    let level = 0
    let span = 1
    while (level < LEVELS - 1 && tick - this.#tick >= span * SLOTS) {
      level++
      span *= SLOTS
    }
    const furthest = Math.min(Math.floor(tick / span), Math.floor(this.#tick / span) + SLOTS - 1)
    append(this.#slot(level, furthest), thing)
  }

  /** Takes a thing out. */
  remove(thing: T): void {
    unlink(thing)
  }

  /** Moves the time on. Set back, everything is looked at again, a few at a time. */
  advance(now: number): void {
    const tick = Math.floor(now / TICK)
    if (tick === this.#tick) return
    if (tick < this.#tick) {
      for (const slot of this.#slots) moveAll(slot, this.#due)
      this.#tick = tick
      return
    }
    let span = 1
    for (let level = 0; level < LEVELS; level++, span *= SLOTS) {
      const from = Math.floor(this.#tick / span)
      const to = Math.min(Math.floor(tick / span), from + SLOTS)
      if (from === to) break
      for (let index = from + 1; index <= to; index++) moveAll(this.#slot(level, index), this.#due)
    }
    this.#tick = tick
  }

  /** Takes out no more than `most` things that were due and hands them over, to be forgotten or put in again. */
  collect(most: number, look: (thing: T) => void): void {
    for (let count = 0; count < most && this.#due.next !== this.#due; count++) {
      const thing = this.#due.next as T
      unlink(thing)
      look(thing)
    }
  }

  #slot(level: number, index: number): Expiring {
    return this.#slots[level * SLOTS + (index % SLOTS)] as Expiring
  }
}

function unlink(thing: Expiring): void {
  thing.previous.next = thing.next
  thing.next.previous = thing.previous
  thing.previous = thing
  thing.next = thing
}

function append(list: Expiring, thing: Expiring): void {
  thing.previous = list.previous
  thing.next = list
  list.previous.next = thing
  list.previous = thing
}

function moveAll(from: Expiring, to: Expiring): void {
  if (from.next === from) return
  const [first, last] = [from.next, from.previous]
  first.previous = to.previous
  to.previous.next = first
  last.next = to
  to.previous = last
  from.next = from
  from.previous = from
}
