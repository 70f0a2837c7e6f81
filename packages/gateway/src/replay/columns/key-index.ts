import { StringHash } from './string-hash.js'
import { StringIndex } from './string-index.js'

/** In place of a slot, where there are too many keys. */
export const NO_SLOT = 0

/** What is kept for keys, by slot. */
export interface Kept {
  /** A slot gets a key. */
  begin(slot: number): void
  /** Whether nothing that is kept of it says anything any more, now and later. */
  isOver(slot: number, now: number): boolean
  /** A slot has no key any more. */
  end(slot: number): void
}

/** So many keys are looked through the first time, for those of which nothing counts any more. */
const FIRST_LOOK = 131_072

/**
 * Numbers keys, from 1, so that what is kept of them can be numbers in arrays. Those of which nothing counts any more are forgotten, and their
 * slots given to others: so what is kept is what is in use, however many keys there are in all. They are looked for when there are twice as many
 * keys as were left the last time.
 */
export class KeyIndex {
  readonly #slots = new StringIndex()
  readonly #hash = new StringHash()
  #used = 0
  readonly #free: number[] = []
  #lookAt: number

  /** @param most how many keys there may be */
  constructor(
    private readonly most: number,
    private readonly kept: Kept,
  ) {
    this.#lookAt = Math.min(FIRST_LOOK, most)
  }

  /** The slot of a key, which is given one where it has none. `NO_SLOT` where that is not possible, since too many are in use. */
  of(key: string, now: number): number {
    const { low, high } = this.#hash.of(key)
    return this.ofHash(low, high, now)
  }

  /** As `of`, of a key with this hash. */
  ofHash(low: number, high: number, now: number): number {
    return this.#slots.findHash(low, high) || this.#begin(low, high, now)
  }

  clear(): void {
    this.#forget(() => true)
  }

  #begin(low: number, high: number, now: number): number {
    if (this.#slots.size >= this.#lookAt) {
      if (!this.#makeRoom(now)) return NO_SLOT
      this.#slots.findHash(low, high)
    }
    const slot = this.#free.pop() ?? ++this.#used
    this.#slots.add(slot)
    this.kept.begin(slot)
    return slot
  }

  /** Forgets what is over. Where an eighth of all is not free then, there is no room: it would be looked for again and again. */
  #makeRoom(now: number): boolean {
    this.#forget((slot) => this.kept.isOver(slot, now))
    const { size } = this.#slots
    this.#lookAt = Math.min(Math.max(FIRST_LOOK, 2 * size), this.most)
    return size <= (this.#lookAt * 7) / 8
  }

  #forget(isOver: (slot: number) => boolean): void {
    this.#slots.forget((slot) => {
      if (!isOver(slot)) return false
      this.kept.end(slot)
      this.#free.push(slot)
      return true
    })
  }
}
