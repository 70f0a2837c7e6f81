import type { EntryPool } from '../columns/entry-pool.js'
import { SenderColumn } from '../columns/sender-column.js'
import { LOG_NUMBERS, SlidingLogs } from '../columns/sliding-logs.js'
import { SlotColumns } from '../columns/slot-columns.js'
import type { Played, ReplayObserver } from '../engine/replay-events.js'
import { UNKNOWN } from '../trace/sender-ids.js'
import type { Whom } from './objective.js'

type Rate = Whom & { readonly kind: 'under' | 'over' }

/** What is known of a client. */
const SEEN = 1
const OVER = 2

/**
 * Finds out which clients send more than a rate at some time, by everything that they send, let in or not. Those that the trace does not tell apart
 * pass for clients under the rate. Who they are is known by their numbers, which are the same each time the trace is read.
 */
export class ClientRates implements ReplayObserver {
  readonly #numbers = new SlotColumns(LOG_NUMBERS)
  readonly #logs: SlidingLogs
  readonly #known = new SenderColumn()
  #clients = 0

  /** @param entries where what was sent of late is remembered */
  constructor(
    private readonly rate: Rate,
    entries: EntryPool,
  ) {
    this.#logs = new SlidingLogs(entries, this.#numbers)
  }

  /** Clients that were seen. */
  get clients(): number {
    return this.#clients
  }

  includes(sender: number): boolean {
    return (this.#known.get(sender) === OVER) === (this.rate.kind === 'over')
  }

  decided({ recorded: { sender }, cameAt }: Played): undefined {
    const known = this.#known.get(sender)
    if (sender === UNKNOWN || known === OVER) return
    if (known !== SEEN) this.#begin(sender)
    const sent = this.#logs.sumAt(sender, cameAt, this.rate.period) + 1
    this.#logs.add(sender, cameAt, 1)
    if (sent <= this.rate.limit) return
    this.#known.set(sender, OVER)
    this.#logs.end(sender)
  }

  #begin(sender: number): void {
    this.#clients++
    this.#known.set(sender, SEEN)
    this.#numbers.reach(sender)
    this.#logs.begin(sender)
  }
}
