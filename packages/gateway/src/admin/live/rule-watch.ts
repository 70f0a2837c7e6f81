import type { Quota } from 'sluice'
import { FullestKeys } from './fullest-keys.js'
import { KeyUse } from './key-use.js'

/** Keys that are looked at to find one that may be forgotten. */
const LOOKED_AT = 8

/** What becomes of one rule: counts, its fullest keys, and the keys that came lately. */
export class RuleWatch {
  readonly #fullest = new FullestKeys()
  /** The first is the next to be forgotten. */
  readonly #seen = new Map<string, KeyUse>()
  /** Keys that are remembered. */
  mostSeen = 0
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

  get keysSeen(): number {
    return this.#seen.size
  }

  /** The fullest first, as far as is known without asking. */
  fullest(most: number, now: number): readonly KeyUse[] {
    return this.#fullest.read(most, now)
  }

  /** The keys that came lately, the last first, and those that are near the limit. */
  keys(): readonly KeyUse[] {
    return [...new Set([...[...this.#seen.values()].reverse(), ...this.#fullest.all])]
  }

  #begin(key: string): KeyUse {
    const use = this.#fullest.all.find((each) => each.key === key) ?? new KeyUse(key)
    use.cameAgain = false
    this.#seen.set(key, use)
    if (this.#seen.size > this.mostSeen) this.#forgetOne()
    return use
  }

  /** A key that came again since it was last looked at has a second chance; so that who comes once makes nobody be forgotten. */
  #forgetOne(): void {
    let looked = 0
    for (const [key, use] of this.#seen) {
      this.#seen.delete(key)
      looked++
      if (!use.cameAgain || looked >= LOOKED_AT) return
      use.cameAgain = false
      this.#seen.set(key, use)
    }
  }
}
