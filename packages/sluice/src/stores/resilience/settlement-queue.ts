import type { Clock } from '../../time/clock.js'
import type { Settlement } from '../store.js'

/** A settlement that has not been confirmed by the store. */
export interface QueuedSettlement {
  readonly settlement: Settlement
  /** Time of the first attempt or of queueing, in milliseconds of the clock. */
  readonly queuedAt: number
  /** Number of attempts without a response. */
  readonly attempts: number
}

/** Attempts to send one settlement. */
const MAX_ATTEMPTS = 3

/**
 * Queues settlements while their store is down, in bounded memory: when `max` are queued, a new one
 * evicts the oldest. The charge of a lost settlement stays as it was taken. Usage of a rate expires
 * with time, and a lease ends.
 *
 * A settlement that was sent without a response may have been applied. Applied twice, a refund
 * would return more than was taken. Only the end of a lease is idempotent, so only that is retried.
 * A renewal is never sent late: it could arrive after the lease has ended, and another renewal
 * follows.
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

  /** Number of settlements lost since the start. */
  get lost(): number {
    return this.#lost
  }

  /** Queues settlements that were not sent. */
  add(settlements: readonly Settlement[]): void {
    for (const settlement of settlements) {
      if (!isRenewal(settlement)) this.#enqueue({ settlement, queuedAt: this.clock.now(), attempts: 0 })
    }
  }

  /** Queues those settlements again that were sent without a response and are safe to retry. */
  requeue(sent: readonly QueuedSettlement[]): void {
    for (const { settlement, queuedAt, attempts } of sent) {
      if (isRenewal(settlement)) continue
      const canRetry = settlement.charge.lease !== undefined && attempts + 1 < MAX_ATTEMPTS
      if (canRetry) this.#enqueue({ settlement, queuedAt, attempts: attempts + 1 })
      else this.#lost++
    }
  }

  /** Removes and returns up to `count` settlements that still matter, oldest first. */
  dequeue(count: number): QueuedSettlement[] {
    const batch: QueuedSettlement[] = []
    for (const queued of this.#queue) {
      if (batch.length === count) break
      this.#queue.delete(queued)
      if (!this.#isObsolete(queued)) batch.push(queued)
    }
    return batch
  }

  /** Counts settlements as lost that cannot be sent. */
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
