import type { Clock } from '../../time/clock.js'
import type { Settlement } from '../store.js'

/** A settlement that is still to be sent, or to be sent once more. */
export interface Waiting {
  readonly settlement: Settlement
  /** When it began to wait, in milliseconds of the clock. */
  readonly since: number
  /** How often it was sent without an answer. */
  readonly attempts: number
}

/** A settlement is sent so often at most. */
const MAX_ATTEMPTS = 3

/**
 * Settlements that wait for their store to come back, in bounded memory: when `max` wait, the oldest one is lost for a
 * new one. What is lost leaves the charge as it was taken: rates forget it as time goes by, and leases end.
 *
 * What was sent and not answered may have been done or not. Done twice, a refund would give back more than was taken; so
 * of those only the end of a lease is sent again, which may be done as often as one likes. A renewal is never sent
 * later: it might come after the end of its lease, and the next one is under way anyhow.
 */
export class SettlementQueue {
  readonly #waiting = new Set<Waiting>()
  #lost = 0

  constructor(
    private readonly max: number,
    private readonly clock: Clock,
  ) {}

  /** How many wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** How many were lost since the start. */
  get lost(): number {
    return this.#lost
  }

  /** Keeps settlements that were not sent. */
  add(settlements: readonly Settlement[]): void {
    for (const settlement of settlements) {
      if (!isRenewal(settlement)) this.#keep({ settlement, since: this.clock.now(), attempts: 0 })
    }
  }

  /** Keeps those of the settlements that may be sent again, after they were sent and not answered. */
  addUnanswered(sent: readonly Waiting[]): void {
    for (const { settlement, since, attempts } of sent) {
      if (isRenewal(settlement)) continue
      const again = settlement.charge.lease !== undefined && attempts + 1 < MAX_ATTEMPTS
      if (again) this.#keep({ settlement, since, attempts: attempts + 1 })
      else this.#lost++
    }
  }

  /** Hands out up to `count` of those that still matter, the oldest first. They wait here no more. */
  next(count: number): Waiting[] {
    const batch: Waiting[] = []
    for (const waiting of this.#waiting) {
      if (batch.length === count) break
      this.#waiting.delete(waiting)
      if (!this.#isOver(waiting)) batch.push(waiting)
    }
    return batch
  }

  /** Gives up on settlements that cannot be sent. */
  lose(count: number): void {
    this.#lost += count
  }

  #keep(waiting: Waiting): void {
    if (this.#waiting.size >= this.max) {
      const [oldest] = this.#waiting
      if (oldest !== undefined) this.#waiting.delete(oldest)
      this.#lost++
    }
    this.#waiting.add(waiting)
  }

  /** What would be given back has come back by itself. */
  #isOver({ settlement: { charge, taken, cost }, since }: Waiting): boolean {
    const countsFor = charge.limit.algorithm === 'concurrency' ? charge.limit.lease : taken.resetAfter
    return cost < taken.cost && this.clock.now() - since >= countsFor
  }
}

function isRenewal({ charge, cost }: Settlement): boolean {
  return charge.lease !== undefined && cost > 0
}
