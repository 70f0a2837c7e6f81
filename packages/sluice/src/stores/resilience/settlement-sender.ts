import type { Clock } from '../../time/clock.js'
import type { MaybePromise, Settlement } from '../store.js'
import { SettlementQueue, type Waiting } from './settlement-queue.js'

/** How settlements get to the store. */
export interface Transport {
  /** Whether the store is asked at all. Settlements make no probes. */
  isUp(): boolean
  /** Sends; calls `unanswered` where nobody knows whether the store has them. @throws what is the caller's fault. */
  send(settlements: readonly Settlement[], unanswered: () => void): MaybePromise<void>
}

/** So many of those that waited are sent at once, and no others before they are answered. */
const BATCH = 100

/** Sends settlements to a store, now or when it is back. The rules of waiting are those of `SettlementQueue`. */
export class SettlementSender {
  readonly #waiting: SettlementQueue
  readonly #clock: Clock
  #sending = false
  #closed = false

  constructor(
    { maxWaiting, clock }: { readonly maxWaiting: number; readonly clock: Clock },
    private readonly transport: Transport,
  ) {
    this.#waiting = new SettlementQueue(maxWaiting, clock)
    this.#clock = clock
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get lost(): number {
    return this.#waiting.lost
  }

  /** Never fails but through a fault of the caller's. */
  settle(settlements: readonly Settlement[]): MaybePromise<void> {
    if (!this.transport.isUp()) return this.#waiting.add(settlements)
    const since = this.#clock.now()
    const sent = settlements.map((settlement): Waiting => ({ settlement, since, attempts: 0 }))
    return this.transport.send(settlements, () => this.#waiting.addUnanswered(sent))
  }

  /** Sends those that wait, as far as the store answers. Called whenever it has answered something. */
  sendWaiting(): void {
    if (this.#waiting.size === 0 || this.#sending || this.#closed || !this.transport.isUp()) return
    this.#sending = true
    this.#sendBatches().finally(() => {
      this.#sending = false
    })
  }

  /** Sends no more. */
  close(): void {
    this.#closed = true
  }

  async #sendBatches(): Promise<void> {
    while (this.transport.isUp() && !this.#closed) {
      const batch = this.#waiting.next(BATCH)
      if (batch.length === 0 || !(await this.#send(batch))) return
    }
  }

  async #send(batch: readonly Waiting[]): Promise<boolean> {
    let answered = true
    try {
      await this.transport.send(
        batch.map(({ settlement }) => settlement),
        () => {
          answered = false
          this.#waiting.addUnanswered(batch)
        },
      )
    } catch {
      // The store says that one of them cannot be counted; nobody is left to be told which.
      this.#waiting.lose(batch.length)
    }
    return answered
  }
}
