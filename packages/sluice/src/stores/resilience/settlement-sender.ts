import type { Clock } from '../../time/clock.js'
import type { MaybePromise, Settlement } from '../store.js'
import { type QueuedSettlement, SettlementQueue } from './settlement-queue.js'

/** Sends settlements to the store. */
export interface Transport {
  /** Reports whether the store is in use. Settlements are never probes. */
  isUp(): boolean
  /**
   * Sends settlements. Calls `onUnconfirmed` if the store may or may not have applied them.
   *
   * @throws errors caused by the caller.
   */
  send(settlements: readonly Settlement[], onUnconfirmed: () => void): MaybePromise<void>
}

/** Maximum number of queued settlements per batch. The next batch is sent after the response. */
const MAX_BATCH = 100

/**
 * Sends settlements to a store immediately, or queues them until the store has recovered. See
 * `SettlementQueue`.
 */
export class SettlementSender {
  readonly #queue: SettlementQueue
  readonly #clock: Clock
  #isSending = false
  #isClosed = false

  constructor(
    { maxWaiting, clock }: { readonly maxWaiting: number; readonly clock: Clock },
    private readonly transport: Transport,
  ) {
    this.#queue = new SettlementQueue(maxWaiting, clock)
    this.#clock = clock
  }

  get queued(): number {
    return this.#queue.size
  }

  get lost(): number {
    return this.#queue.lost
  }

  /**
   * Sends settlements, or queues them while the store is down. Fails only with errors caused by the
   * caller.
   */
  settle(settlements: readonly Settlement[]): MaybePromise<void> {
    if (!this.transport.isUp()) return this.#queue.add(settlements)
    const queuedAt = this.#clock.now()
    const sent = settlements.map((settlement): QueuedSettlement => ({ settlement, queuedAt, attempts: 0 }))
    return this.transport.send(settlements, () => this.#queue.requeue(sent))
  }

  /** Sends queued settlements as long as the store responds. Called after each response. */
  flush(): void {
    if (this.#queue.size === 0 || this.#isSending || this.#isClosed || !this.transport.isUp()) return
    this.#isSending = true
    this.#sendBatches().finally(() => {
      this.#isSending = false
    })
  }

  /** Stops sending queued settlements. */
  close(): void {
    this.#isClosed = true
  }

  async #sendBatches(): Promise<void> {
    while (this.transport.isUp() && !this.#isClosed) {
      const batch = this.#queue.dequeue(MAX_BATCH)
      if (batch.length === 0 || !(await this.#send(batch))) return
    }
  }

  async #send(batch: readonly QueuedSettlement[]): Promise<boolean> {
    let isConfirmed = true
    try {
      await this.transport.send(
        batch.map(({ settlement }) => settlement),
        () => {
          isConfirmed = false
          this.#queue.requeue(batch)
        },
      )
    } catch {
      // The store rejected a settlement of the batch as invalid. No caller awaits the result any
      // more.
      this.#queue.discard(batch.length)
    }
    return isConfirmed
  }
}
