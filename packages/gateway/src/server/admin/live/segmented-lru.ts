import type { KeyUse } from './key-usage.js'

/** The part of the places that is for keys that came again. */
const FOR_REGULARS = 0.75

/**
 * The keys that came lately, in bounded memory. Those that came again are kept apart from those that came once, so that a flood of
 * newcomers makes no regular be forgotten.
 */
export class SegmentedLru {
  /** Each in the order in which keys got there: the first goes first. */
  readonly #newcomers = new Map<string, KeyUse>()
  readonly #regulars = new Map<string, KeyUse>()
  /** Keys that are remembered. */
  places = 0

  get size(): number {
    return this.#newcomers.size + this.#regulars.size
  }

  /** Undefined for a key that is not known. */
  get(key: string): KeyUse | undefined {
    const regular = this.#regulars.get(key)
    if (regular !== undefined) return regular
    const newcomer = this.#newcomers.get(key)
    if (newcomer !== undefined) this.#promote(newcomer)
    return newcomer
  }

  add(use: KeyUse): void {
    this.#newcomers.set(use.key, use)
    if (this.size > this.places) forgetFirst(this.#newcomers.size > 0 ? this.#newcomers : this.#regulars)
  }

  forget(key: string): void {
    this.#newcomers.delete(key)
    this.#regulars.delete(key)
  }

  /** The last that came to be known first. */
  get all(): readonly KeyUse[] {
    return [...this.#regulars.values(), ...this.#newcomers.values()].reverse()
  }

  #promote(use: KeyUse): void {
    this.#newcomers.delete(use.key)
    this.#regulars.set(use.key, use)
    if (this.#regulars.size <= this.places * FOR_REGULARS) return
    const oldest = forgetFirst(this.#regulars)
    if (oldest !== undefined) this.#newcomers.set(oldest.key, oldest)
  }
}

function forgetFirst(uses: Map<string, KeyUse>): KeyUse | undefined {
  const [first] = uses.values()
  if (first !== undefined) uses.delete(first.key)
  return first
}
