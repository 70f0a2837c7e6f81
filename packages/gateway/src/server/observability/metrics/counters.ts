import type { LimiterEvent, Quota } from 'sluice'
import type { WhenExhausted } from '../../../policy/llm/llm-call.js'
import type { UnreadReason } from '../../../policy/llm/response/response-meter.js'
import type { RequestOutcome } from '../request-outcome.js'
import { LastExemplar } from './metric.js'

/**
 * Counts by kind.
 *
 * Request counters are plain numbers, because counting is on the hot path. They are copied to the
 * metrics when these are read.
 */
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

/** The counters of one rule. */
export class RuleCounters {
  /** Units charged at admission and by extensions, and units that settlements refunded or charged in addition. */
  taken = 0
  returned = 0
  owed = 0
  /** How often a running request took more. */
  extensions = 0
  shadowRefusals = 0
  /** Requests that a soft limit admitted above it. */
  softOverruns = 0
  /** Keys that reached a threshold, by threshold. */
  readonly thresholds = new CountsBy<string>()
  readonly refusals = new CountsBy<Refusal['reason']>()
  /** The last refused request, by reason. */
  readonly refused = new Map<Refusal['reason'], LastExemplar>()
  /** The limit of the last decision, by tier. */
  readonly limits = new Map<string, number>()

  constructor(readonly resource: string) {}

  onRefused(reason: Refusal['reason'], requestId: string | undefined, traceId: string | undefined): void {
    this.refusals.add(reason)
    let last = this.refused.get(reason)
    if (last === undefined) {
      last = new LastExemplar()
      this.refused.set(reason, last)
    }
    last.set(1, requestId, traceId)
  }

  onExtended(cost: number): void {
    this.extensions++
    this.taken += cost
  }

  onSettled(taken: number, cost: number): void {
    if (cost < taken) this.returned += taken - cost
    else this.owed += cost - taken
  }
}

/** The tokens and the money of the calls of one model on one route, as charged. */
export class ModelCounters {
  input = 0
  output = 0
  /** Units of 10^-9 by currency. Configurations that follow each other may have different ones. */
  readonly money = new Map<string, number>()
}

/** The counters of one route. */
export class RouteCounters {
  readonly outcomes = new CountsBy<RequestOutcome>()
  /** Decisions by tier. */
  readonly allowed = new CountsBy<string>()
  readonly refused = new CountsBy<string>()
  /** Model responses that could not be parsed, by reason. */
  readonly unreadableResponses = new CountsBy<UnreadReason>()
  /** Streams that used up what they reserved, by what happened to them. */
  readonly exhaustedStreams = new CountsBy<WhenExhausted>()
  degraded = 0
  inFlight = 0
  waiting = 0
  readonly rules = new Map<string, RuleCounters>()
  readonly models = new Map<string, ModelCounters>()

  rule({ rule, resource }: Pick<Quota, 'rule' | 'resource'>): RuleCounters {
    let counters = this.rules.get(rule)
    if (counters === undefined) {
      counters = new RuleCounters(resource)
      this.rules.set(rule, counters)
    }
    return counters
  }
}
