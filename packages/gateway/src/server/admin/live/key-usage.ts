import { capacityOf, type Limit, type Quota } from 'sluice'

/** The usage of a key as of its last decision. */
export class KeyUsage {
  /** The limit of the last decision, with its tier and warm-up applied. */
  limit: Limit = UNKNOWN
  /** Requests since the key was added. */
  allowed = 0
  refused = 0
  /** True if the key is among those with the highest usage under its rule. */
  isInTop = false
  #remaining = 0
  #resetAfter = 0
  #at = 0

  constructor(readonly key: string) {}

  record({ limit, allowed, remaining, resetAfter }: Quota, now: number): void {
    if (allowed) this.allowed++
    else this.refused++
    this.limit = limit
    this.#remaining = remaining
    this.#resetAfter = resetAfter
    this.#at = now
  }

  /**
   * Estimates the used fraction of the limit, from 0 to 1, assuming that usage has decayed linearly
   * since the last decision.
   */
  usedAt(now: number): number {
    if (this.#resetAfter <= 0) return 0
    const used = 1 - this.#remaining / capacityOf(this.limit)
    return used * Math.max(0, 1 - (now - this.#at) / this.#resetAfter)
  }
}

const UNKNOWN: Limit = Object.freeze({ algorithm: 'fixed-window', limit: 1, period: 1 })
