import { capacityOf, type Limit, type Quota } from 'sluice'

/** How a key has used a rule, as its last request was told. */
export class KeyUse {
  /** The limit that it last had: its tier's, warm-up included. */
  limit: Limit = NONE
  /** Requests, since the key was last taken notice of. */
  allowed = 0
  refused = 0
  /** Whether it is among the fullest. */
  isNear = false
  #remaining = 0
  #resetAfter = 0
  #at = 0

  constructor(readonly key: string) {}

  see({ limit, allowed, remaining, resetAfter }: Quota, now: number): void {
    if (allowed) this.allowed++
    else this.refused++
    this.limit = limit
    this.#remaining = remaining
    this.#resetAfter = resetAfter
    this.#at = now
  }

  /** The part of its limit that is used, from 0 to 1, if use fades evenly and nobody else used it since. */
  usedAt(now: number): number {
    if (this.#resetAfter <= 0) return 0
    const used = 1 - this.#remaining / capacityOf(this.limit)
    return used * Math.max(0, 1 - (now - this.#at) / this.#resetAfter)
  }
}

const NONE: Limit = Object.freeze({ algorithm: 'fixed-window', limit: 1, period: 1 })
