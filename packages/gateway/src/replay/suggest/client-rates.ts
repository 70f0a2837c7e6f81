import type { Played, ReplayObserver } from '../engine/played.js'
import { clientOf } from '../tally/client-tallies.js'
import { type Budget, TrailingLog } from '../tally/trailing-log.js'
import type { Whom } from './wish.js'

type Rate = Whom & { readonly kind: 'under' | 'over' }

/** Requests within a period that are remembered at a time, over all clients. */
const MOST_REMEMBERED = 4_000_000

/** Finds out which clients send more than a rate at some time, by everything that they send, let in or not. */
export class ClientRates implements ReplayObserver {
  readonly #logs = new Map<string, TrailingLog>()
  readonly #over = new Set<string>()
  readonly #budget: Budget = { left: MOST_REMEMBERED }

  constructor(private readonly rate: Rate) {}

  /** Clients that were seen. */
  get clients(): number {
    return this.#logs.size + this.#over.size
  }

  includes(client: string): boolean {
    return this.#over.has(client) === (this.rate.kind === 'over')
  }

  decided({ recorded, cameAt }: Played): undefined {
    const client = clientOf(recorded)
    if (this.#over.has(client)) return
    let log = this.#logs.get(client)
    if (log === undefined) {
      log = new TrailingLog(this.#budget)
      this.#logs.set(client, log)
    }
    const sent = log.sumAt(cameAt, this.rate.period) + 1
    log.add(cameAt, 1)
    if (sent <= this.rate.limit) return
    this.#over.add(client)
    this.#logs.delete(client)
  }
}
