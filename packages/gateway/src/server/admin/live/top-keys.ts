import type { KeyUsage } from './key-usage.js'

/**
 * Maximum number of keys per rule. It exceeds the number shown, so that other keys can move up when
 * usage decays.
 */
const MAX_KEYS = 32

/**
 * The keys of a rule that are nearest to their limit, in bounded memory. The order is an estimate,
 * because usage decays over time; read the exact usage from the store.
 */
export class TopKeys {
  readonly #keys: KeyUsage[] = []

  get all(): readonly KeyUsage[] {
    return this.#keys
  }

  /** @param now milliseconds of a monotonic clock */
  offer(usage: KeyUsage, now: number): void {
    if (usage.isInTop) return
    const index = this.#indexFor(usage, now)
    if (index === undefined) return
    const replaced = this.#keys[index]
    if (replaced !== undefined) replaced.isInTop = false
    usage.isInTop = true
    this.#keys[index] = usage
  }

  delete(usage: KeyUsage): void {
    const index = this.#keys.indexOf(usage)
    if (index >= 0) this.#keys.splice(index, 1)
    usage.isInTop = false
  }

  /** Returns the keys with the highest usage, highest first. */
  read(max: number, now: number): readonly KeyUsage[] {
    return this.#keys.toSorted((a, b) => b.usedAt(now) - a.usedAt(now)).slice(0, max)
  }

  /**
   * Returns the index at which to store a key: a free one, or that of the key with the lowest
   * usage. Returns undefined if all stored keys have at least the usage of this one.
   */
  #indexFor(usage: KeyUsage, now: number): number | undefined {
    if (this.#keys.length < MAX_KEYS) return this.#keys.length
    let lowest = usage.usedAt(now)
    let lowestIndex: number | undefined
    for (let index = 0; index < MAX_KEYS; index++) {
      const used = (this.#keys[index] as KeyUsage).usedAt(now)
      if (used >= lowest) continue
      lowest = used
      lowestIndex = index
    }
    return lowestIndex
  }
}
