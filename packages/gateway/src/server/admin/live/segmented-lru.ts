import type { KeyUsage } from './key-usage.js'

/** The fraction of the capacity that is reserved for keys seen more than once. */
const PROTECTED_FRACTION = 0.75

/**
 * The recently used keys of a rule, in bounded memory. Keys seen once (on probation) and keys seen
 * again (protected) are in separate segments, so that a flood of new keys does not evict regular
 * ones.
 */
export class SegmentedLru {
  /** Both segments are in insertion order; the first key is evicted first. */
  readonly #probation = new Map<string, KeyUsage>()
  readonly #protected = new Map<string, KeyUsage>()
  /** Maximum number of keys. */
  capacity = 0

  get size(): number {
    return this.#probation.size + this.#protected.size
  }

  /**
   * Returns the usage of a key, and promotes the key to the protected segment; undefined for an
   * unknown key.
   */
  get(key: string): KeyUsage | undefined {
    const known = this.#protected.get(key)
    if (known !== undefined) return known
    const onProbation = this.#probation.get(key)
    if (onProbation !== undefined) this.#promote(onProbation)
    return onProbation
  }

  add(usage: KeyUsage): void {
    this.#probation.set(usage.key, usage)
    if (this.size > this.capacity) evictFirst(this.#probation.size > 0 ? this.#probation : this.#protected)
  }

  delete(key: string): void {
    this.#probation.delete(key)
    this.#protected.delete(key)
  }

  /** All keys: those on probation, then the protected ones, each newest first. */
  get all(): readonly KeyUsage[] {
    return [...this.#protected.values(), ...this.#probation.values()].reverse()
  }

  #promote(usage: KeyUsage): void {
    this.#probation.delete(usage.key)
    this.#protected.set(usage.key, usage)
    if (this.#protected.size <= this.capacity * PROTECTED_FRACTION) return
    const oldest = evictFirst(this.#protected)
    if (oldest !== undefined) this.#probation.set(oldest.key, oldest)
  }
}

function evictFirst(segment: Map<string, KeyUsage>): KeyUsage | undefined {
  const [first] = segment.values()
  if (first !== undefined) segment.delete(first.key)
  return first
}
