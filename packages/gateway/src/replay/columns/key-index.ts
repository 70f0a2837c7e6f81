import { StringHash } from './string-hash.js'
import { StringIndex } from './string-index.js'

/** Returned for a key that has no slot because there are too many keys. */
export const NO_SLOT = 0

/** Owner of the state of keys, which is stored by slot. */
export interface SlotOwner {
  /** Initializes the state of a slot that was assigned to a key. */
  begin(slot: number): void
  /** Reports whether the state of a slot can no longer have an effect. */
  isExpired(slot: number, now: number): boolean
  /** Drops the state of a slot whose key was removed. */
  end(slot: number): void
}

/** Number of keys at which the first sweep for expired keys runs. */
const FIRST_SWEEP = 131_072

/**
 * Assigns slots, numbered from 1, to keys, so that their state can be stored in arrays. A sweep
 * frees the slots of expired keys, so memory is proportional to the keys in use. It runs when the
 * number of keys has doubled since the last sweep.
 */
export class KeyIndex {
  readonly #slots = new StringIndex()
  readonly #hash = new StringHash()
  #used = 0
  readonly #free: number[] = []
  #sweepAt: number

  /** @param maxKeys maximum number of keys in use */
  constructor(
    private readonly maxKeys: number,
    private readonly owner: SlotOwner,
  ) {
    this.#sweepAt = Math.min(FIRST_SWEEP, maxKeys)
  }

  /** Returns the slot of a key, assigning one if needed; `NO_SLOT` if too many keys are in use. */
  of(key: string, now: number): number {
    const { low, high } = this.#hash.of(key)
    return this.ofHash(low, high, now)
  }

  /** Like `of`, for the hash of a key. */
  ofHash(low: number, high: number, now: number): number {
    return this.#slots.findHash(low, high) || this.#begin(low, high, now)
  }

  clear(): void {
    this.#forget(() => true)
  }

  #begin(low: number, high: number, now: number): number {
    if (this.#slots.size >= this.#sweepAt) {
      if (!this.#sweep(now)) return NO_SLOT
      this.#slots.findHash(low, high)
    }
    const slot = this.#free.pop() ?? ++this.#used
    this.#slots.add(slot)
    this.owner.begin(slot)
    return slot
  }

  /**
   * Frees the slots of expired keys. Returns false if less than an eighth of the capacity is free
   * afterwards, since sweeps would then run too often.
   */
  #sweep(now: number): boolean {
    this.#forget((slot) => this.owner.isExpired(slot, now))
    const { size } = this.#slots
    this.#sweepAt = Math.min(Math.max(FIRST_SWEEP, 2 * size), this.maxKeys)
    return size <= (this.#sweepAt * 7) / 8
  }

  #forget(isExpired: (slot: number) => boolean): void {
    this.#slots.forget((slot) => {
      if (!isExpired(slot)) return false
      this.owner.end(slot)
      this.#free.push(slot)
      return true
    })
  }
}
