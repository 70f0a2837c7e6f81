import { isDeepStrictEqual } from 'node:util'
import type { Limit, Quota } from 'sluice'
import { KeyUse } from './key-usage.js'
import { SegmentedLru } from './segmented-lru.js'
import { TopKeys } from './top-keys.js'

/** What becomes of one rule: counts, its fullest keys, and the keys that came lately. */
export class RuleUsage {
  readonly #fullest = new TopKeys()
  readonly #seen = new SegmentedLru()
  allowed = 0
  refused = 0
  wouldHaveRefused = 0

  /** @param now in milliseconds of a clock that is never set back */
  see(quota: Quota, now: number): void {
    if (quota.allowed) this.allowed++
    else if (quota.enforced) this.refused++
    else this.wouldHaveRefused++
    const use = this.#seen.get(quota.key) ?? this.#begin(quota.key)
    use.see(quota, now)
    this.#fullest.offer(use, now)
  }

  /** @param most keys that are remembered, beside the fullest */
  remember(most: number): void {
    this.#seen.places = most
  }

  /**
   * The rule has another limit. Keys are known under it, so that no store is asked about one that no longer holds; those that had
   * one of their tier's or of a warm-up's are forgotten.
   */
  limitChanged(from: Limit | undefined, to: Limit | undefined): void {
    for (const use of this.keys()) {
      if (to !== undefined && isDeepStrictEqual(use.limit, from)) use.limit = to
      else {
        this.#seen.forget(use.key)
        this.#fullest.forget(use)
      }
    }
  }

  get keysSeen(): number {
    return this.#seen.size
  }

  /** The fullest first, as far as is known without asking. */
  fullest(most: number, now: number): readonly KeyUse[] {
    return this.#fullest.read(most, now)
  }

  /** The keys that came lately, and those that are near the limit. */
  keys(): readonly KeyUse[] {
    return [...new Set([...this.#seen.all, ...this.#fullest.all])]
  }

  #begin(key: string): KeyUse {
    const use = this.#fullest.all.find((each) => each.key === key) ?? new KeyUse(key)
    this.#seen.add(use)
    return use
  }
}
