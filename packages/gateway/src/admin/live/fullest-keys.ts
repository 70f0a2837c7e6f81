import type { Limit, Quota } from 'sluice'

/** A key, and how full its limit was when it was last seen. */
export interface KeyUse {
  readonly key: string
  readonly limit: Limit
  /** From 0 to 1, at the time `at`. */
  readonly used: number
  readonly at: number
  /** Until nothing is used, from `at`; in milliseconds. */
  readonly resetAfter: number
}

/** Keys that are remembered of a rule: more than are shown, so that one that fades has a successor. */
const KEPT = 32

/** For how long the least use of a full table is not worked out again, in milliseconds. */
const LEAST_HOLDS = 250

/**
 * The keys of one rule that are nearest to their limit, in bounded memory. Use fades as time goes by, which is taken to be even:
 * who shows it asks the store.
 */
export class FullestKeys {
  readonly #uses = new Map<string, KeyUse>()
  #least = 0
  #leastAt = Number.NEGATIVE_INFINITY

  /** @param now in milliseconds of a clock that is never set back */
  see({ key, limit, remaining, resetAfter }: Quota, now: number): void {
    const used = 1 - remaining / capacityOf(limit)
    const known = this.#uses.has(key)
    if (!known && this.#uses.size >= KEPT && !this.#makeRoom(used, now)) return
    if (used > 0) this.#uses.set(key, { key, limit, used, at: now, resetAfter })
    else if (known) this.#uses.delete(key)
  }

  /** The fullest first, as far as is known without asking. */
  fullest(most: number, now: number): KeyUse[] {
    return this.all.toSorted((a, b) => usedAt(b, now) - usedAt(a, now)).slice(0, most)
  }

  get all(): readonly KeyUse[] {
    return [...this.#uses.values()]
  }

  /** Whether the emptiest of a full table went, which was emptier than this. */
  #makeRoom(used: number, now: number): boolean {
    if (now - this.#leastAt < LEAST_HOLDS && used <= this.#least) return false
    const emptiest = this.all.reduce((a, b) => (usedAt(b, now) < usedAt(a, now) ? b : a))
    this.#least = usedAt(emptiest, now)
    this.#leastAt = now
    return used > this.#least && this.#uses.delete(emptiest.key)
  }
}

function usedAt({ used, at, resetAfter }: KeyUse, now: number): number {
  if (resetAfter <= 0) return 0
  return used * Math.max(0, 1 - (now - at) / resetAfter)
}

/** The most that may be used at once. */
export function capacityOf(limit: Limit): number {
  return limit.algorithm === 'token-bucket' ? limit.burst : limit.limit
}
