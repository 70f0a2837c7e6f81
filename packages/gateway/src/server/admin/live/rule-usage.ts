import { isDeepStrictEqual } from 'node:util'
import { keyParts, type Limit, type Quota } from 'sluice'
import { KeyUsage } from './key-usage.js'
import { SegmentedLru } from './segmented-lru.js'
import { TopKeys } from './top-keys.js'

/** The usage of one rule: its counts, the keys with the highest usage, and its recent keys. */
export class RuleUsage {
  readonly #top = new TopKeys()
  readonly #recent = new SegmentedLru()
  allowed = 0
  refused = 0
  wouldHaveRefused = 0

  /** @param now milliseconds of a monotonic clock */
  record(quota: Quota, now: number): void {
    if (quota.allowed) this.allowed++
    else if (quota.enforced) this.refused++
    else this.wouldHaveRefused++
    const usage = this.#recent.get(quota.key) ?? this.#add(quota.key)
    usage.record(quota, now)
    this.#top.offer(usage, now)
  }

  /** Sets the maximum number of recent keys, in addition to those with the highest usage. */
  setCapacity(keys: number): void {
    this.#recent.capacity = keys
  }

  /**
   * Applies a changed limit of the rule. Keys that had the rule's own limit keep their counts under
   * the new limit. Keys whose limit depends on a tier or a warm-up are removed, so that the store
   * is never queried under a limit that no longer applies.
   */
  onLimitChange(from: Limit | undefined, to: Limit | undefined): void {
    for (const usage of this.keys()) {
      if (to !== undefined && isDeepStrictEqual(usage.limit, from)) usage.limit = to
      else this.#remove(usage)
    }
  }

  /** Removes the keys that contain one of the parts, because their limit has changed. */
  forget(parts: ReadonlySet<string>): void {
    if (parts.size === 0) return
    for (const usage of this.keys())
      if (keyParts(usage.key).some((part) => parts.has(part))) this.#remove(usage)
  }

  #remove(usage: KeyUsage): void {
    this.#recent.delete(usage.key)
    this.#top.delete(usage)
  }

  get keysSeen(): number {
    return this.#recent.size
  }

  /**
   * Returns the keys with the highest usage, highest first. The usage is an estimate that does not
   * read the store.
   */
  topKeys(max: number, now: number): readonly KeyUsage[] {
    return this.#top.read(max, now)
  }

  /** Returns the recent keys and the keys with the highest usage. */
  keys(): readonly KeyUsage[] {
    return [...new Set([...this.#recent.all, ...this.#top.all])]
  }

  #add(key: string): KeyUsage {
    const usage = this.#top.all.find((each) => each.key === key) ?? new KeyUsage(key)
    this.#recent.add(usage)
    return usage
  }
}
