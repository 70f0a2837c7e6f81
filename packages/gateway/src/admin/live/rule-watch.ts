import type { Limit, Quota } from 'sluice'
import { FullestKeys } from './fullest-keys.js'

/** What is known of a key of a rule. */
export interface SeenKey {
  readonly key: string
  /** The limit that it last had: its tier's, warm-up included. */
  readonly limit: Limit
  /** Requests, since the key was last taken notice of. */
  readonly allowed: number
  readonly refused: number
}

/** What becomes of one rule: counts, its fullest keys, and the keys that were seen last. */
export class RuleWatch {
  readonly fullest = new FullestKeys()
  readonly #seen = new Map<string, { -readonly [Field in keyof SeenKey]: SeenKey[Field] }>()
  /** Keys that are remembered. */
  mostSeen = 0
  allowed = 0
  refused = 0
  wouldHaveRefused = 0

  see(quota: Quota, now: number): void {
    const { key, limit, allowed, enforced } = quota
    if (allowed) this.allowed++
    else if (enforced) this.refused++
    else this.wouldHaveRefused++
    this.fullest.see(quota, now)
    const seen = this.#seen.get(key) ?? { key, limit, allowed: 0, refused: 0 }
    seen.limit = limit
    if (allowed) seen.allowed++
    else seen.refused++
    this.#seen.delete(key)
    this.#seen.set(key, seen)
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= this.mostSeen) break
      this.#seen.delete(oldest)
    }
  }

  get keysSeen(): number {
    return this.#seen.size
  }

  /** The keys that came last, the very last first, and those that are near the limit. */
  keys(): SeenKey[] {
    const fullest = this.fullest.all.filter(({ key }) => !this.#seen.has(key))
    const near = fullest.map(({ key, limit }) => ({ key, limit, allowed: 0, refused: 0 }))
    return [...[...this.#seen.values()].reverse(), ...near]
  }
}
