import type { Clock } from '../../time/clock.js'
import type { Settlement } from '../store.js'

/** A settlement that the store has not confirmed. */
export interface QueuedSettlement {
  readonly settlement: Settlement
  /** Time at which the settlement was first sent or queued, in milliseconds. */
  readonly queuedAt: number
  /** Number of attempts without a response. */
  readonly attempts: number
}

/** Maximum number of attempts to send a settlement. */
const MAX_ATTEMPTS = 3

/**
 * Queues settlements in bounded memory while the store is down. When `max` settlements are queued,
 * a new one evicts the oldest. If a settlement is lost, its charge is not adjusted: usage under a
 * rate limit expires with time, and slots are held until their lease ends.
 *
 * A settlement without a response may have been applied. Applying a refund twice would refund more
 * than was taken. Only the release of a lease is idempotent, so only a release is retried. A
 * renewal is never sent late, because the lease may have ended by then.
 */
export class SettlementQueue {
  readonly #queue = new Set<QueuedSettlement>()
  #lost = 0

  constructor(
    private readonly max: number,
    private readonly clock: Clock,
  ) {}

  /** Number of queued settlements. */
  get size(): number {
    return this.#queue.size
  }

  /** Number of settlements lost so far. */
  get lost(): number {
    return this.#lost
  }

  /** Queues settlements that were not sent. */
  add(settlements: readonly Settlement[]): void {
    for (const settlement of settlements) {
      if (!isRenewal(settlement)) this.#enqueue({ settlement, queuedAt: this.clock.now(), attempts: 0 })
    }
  }

  /**
   * Queues unconfirmed settlements again if they are safe to retry. Drops renewals and counts the
   * others as lost.
   */
  requeue(sent: readonly QueuedSettlement[]): void {
    for (const { settlement, queuedAt, attempts } of sent) {
      if (isRenewal(settlement)) continue
      const canRetry = settlement.charge.lease !== undefined && attempts + 1 < MAX_ATTEMPTS
      if (canRetry) this.#enqueue({ settlement, queuedAt, attempts: attempts + 1 })
      else this.#lost++
    }
  }

  /**
   * Removes and returns up to `count` settlements, oldest first. Drops refunds of usage that has
   * expired.
   */
  dequeue(count: number): QueuedSettlement[] {
    const batch: QueuedSettlement[] = []
    for (const queued of this.#queue) {
      if (batch.length === count) break
      this.#queue.delete(queued)
      if (!this.#isObsolete(queued)) batch.push(queued)
    }
    return batch
  }

  /** Counts settlements that cannot be sent as lost. */
  discard(count: number): void {
    this.#lost += count
  }

  #enqueue(queued: QueuedSettlement): void {
    if (this.#queue.size >= this.max) {
      const [oldest] = this.#queue
      if (oldest !== undefined) this.#queue.delete(oldest)
      this.#lost++
    }
    this.#queue.add(queued)
  }

  /** Reports whether the usage to refund has already expired. */
  #isObsolete({ settlement: { charge, taken, cost }, queuedAt }: QueuedSettlement): boolean {
    const lifetime = charge.limit.algorithm === 'concurrency' ? charge.limit.lease : taken.resetAfter
    return cost < taken.cost && this.clock.now() - queuedAt >= lifetime
  }
}

function isRenewal({ charge, cost }: Settlement): boolean {
  return charge.lease !== undefined && cost > 0
}
