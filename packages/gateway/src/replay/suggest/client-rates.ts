import type { EntryPool } from '../columns/entry-pool.js'
import { SenderColumn } from '../columns/sender-column.js'
import { LOG_NUMBERS, SlidingLogs } from '../columns/sliding-logs.js'
import { SlotColumns } from '../columns/slot-columns.js'
import type { Played, ReplayObserver } from '../engine/replay-events.js'
import { UNKNOWN } from '../trace/sender-ids.js'
import type { ClientFilter } from './objective.js'

type Rate = ClientFilter & { readonly kind: 'under' | 'over' }

/** States of a client. */
const SEEN = 1
const OVER = 2

/**
 * Finds the clients that exceed a rate at any time, counting all their requests, admitted or not.
 * Senders without a number of their own count as clients under the rate. Sender numbers are the
 * same each time the trace is read.
 */
export class ClientRates implements ReplayObserver {
  readonly #numbers = new SlotColumns(LOG_NUMBERS)
  readonly #logs: SlidingLogs
  readonly #states = new SenderColumn()
  #clients = 0

  /** @param entries pool for the requests of the trailing period */
  constructor(
    private readonly rate: Rate,
    entries: EntryPool,
  ) {
    this.#logs = new SlidingLogs(entries, this.#numbers)
  }

  /** Number of clients. */
  get clients(): number {
    return this.#clients
  }

  includes(sender: number): boolean {
    return (this.#states.get(sender) === OVER) === (this.rate.kind === 'over')
  }

  decided({ recorded: { sender }, cameAt }: Played): undefined {
    const state = this.#states.get(sender)
    if (sender === UNKNOWN || state === OVER) return
    if (state !== SEEN) this.#begin(sender)
    const sent = this.#logs.sumAt(sender, cameAt, this.rate.period) + 1
    this.#logs.add(sender, cameAt, 1)
    if (sent <= this.rate.limit) return
    this.#states.set(sender, OVER)
    this.#logs.end(sender)
  }

  #begin(sender: number): void {
    this.#clients++
    this.#states.set(sender, SEEN)
    this.#numbers.reach(sender)
    this.#logs.begin(sender)
  }
}
