import type { LimiterEvent, Quota } from 'sluice'
import type { UnreadReason } from '../../../policy/llm/response/response-meter.js'
import type { RequestOutcome } from '../request-outcome.js'

/** Counts that requests wait for are plain numbers, found by their route; Prometheus's own are filled from them when they are read. */

/** How many there are of each of a few kinds. */
export class CountsBy<Kind> {
  readonly #counts = new Map<Kind, number>()

  add(kind: Kind, count = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count)
  }

  of(kind: Kind): number {
    return this.#counts.get(kind) ?? 0
  }

  get total(): number {
    let total = 0
    for (const count of this.#counts.values()) total += count
    return total
  }

  [Symbol.iterator](): Iterator<[Kind, number]> {
    return this.#counts.entries()
  }
}

type Refusal = (LimiterEvent & { readonly type: 'refused' })['refusal']

/** What became of the requests of a rule. */
export class RuleCounters {
  /** Units that were taken, given back and charged later. */
  taken = 0
  returned = 0
  owed = 0
  shadowRefusals = 0
  readonly refusals = new CountsBy<Refusal['reason']>()
  /** The limit as it last was, by tier. */
  readonly limits = new Map<string, number>()

  constructor(readonly resource: string) {}

  settled(taken: number, cost: number): void {
    if (cost < taken) this.returned += taken - cost
    else this.owed += cost - taken
  }
}

/** What became of the requests of a route. */
export class RouteCounters {
  readonly outcomes = new CountsBy<RequestOutcome>()
  /** Decisions, by tier. */
  readonly allowed = new CountsBy<string>()
  readonly refused = new CountsBy<string>()
  /** Answers that could not be read, by why. */
  readonly unreadAnswers = new CountsBy<UnreadReason>()
  degraded = 0
  inFlight = 0
  waiting = 0
  readonly rules = new Map<string, RuleCounters>()

  rule({ rule, resource }: Pick<Quota, 'rule' | 'resource'>): RuleCounters {
    let tally = this.rules.get(rule)
    if (tally === undefined) {
      tally = new RuleCounters(resource)
      this.rules.set(rule, tally)
    }
    return tally
  }
}
