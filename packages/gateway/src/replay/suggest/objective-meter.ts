import type { EntryPool } from '../columns/entry-pool.js'
import { KeyIndex } from '../columns/key-index.js'
import { LOG_NUMBERS, SlidingLogs } from '../columns/sliding-logs.js'
import { SlotColumns } from '../columns/slot-columns.js'
import type { Outcome, Played, ReplayObserver } from '../engine/replay-events.js'
import { senderName } from '../trace/sender-ids.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { AdmissionObjective, Objective } from './objective.js'
import type { Target } from './suggest-target.js'

/** Results of a policy for an objective, in the order of its clauses. */
export interface Measures {
  /** Requests and refusals of each `refuse` clause. */
  readonly refuse: readonly Refusals[]
  /** The peak amount admitted within a period, for each `admit` clause. */
  readonly admit: readonly number[]
  /** All requests. */
  readonly requests: number
  /** All refused requests. */
  readonly refused: number
}

export interface Refusals {
  readonly requests: number
  readonly refused: number
  /** Refusals caused only by other rules. */
  readonly byOthers: number
}

/** Selects the requests that a `refuse` clause counts. */
export type RequestFilter = (request: TraceRequest) => boolean

/** Returns what a request of a route costs, in units of 10^-9; 0 if that is unknown. */
export type MoneyOf = (request: TraceRequest, route: string | undefined) => number

/** Measures a policy against an objective. */
export class ObjectiveMeter implements ReplayObserver {
  readonly #refuse: { readonly matches: RequestFilter; requests: number; refused: number; byOthers: number }[]
  readonly #peaks: Peak[]
  #requests = 0
  #refused = 0

  /**
   * @param target the rule to tune
   * @param filters the filter of each `refuse` clause
   * @param entries pool for the admitted requests within the periods of the objective
   * @param moneyOf returns what a request of a route costs
   */
  constructor(
    objective: Objective,
    private readonly target: Pick<Target, 'route' | 'name'>,
    filters: readonly RequestFilter[],
    entries: EntryPool,
    private readonly moneyOf: MoneyOf,
  ) {
    this.#refuse = filters.map((each) => ({ matches: each, requests: 0, refused: 0, byOthers: 0 }))
    this.#peaks = objective.admit.map((admit) => new Peak(admit, entries))
  }

  get measures(): Measures {
    return {
      refuse: this.#refuse.map(({ requests, refused, byOthers }) => ({ requests, refused, byOthers })),
      admit: this.#peaks.map(({ max }) => max),
      requests: this.#requests,
      refused: this.#refused,
    }
  }

  decided({ recorded, route, outcome, decidedAt }: Played): undefined {
    const refused = outcome.kind === 'refused'
    const byOthers = refused && !(route === this.target.route && violates(outcome, this.target.name))
    this.#requests++
    if (refused) this.#refused++
    for (const clause of this.#refuse) {
      if (!clause.matches(recorded)) continue
      clause.requests++
      if (refused) clause.refused++
      if (byOthers) clause.byOthers++
    }
    if (outcome.kind === 'allowed' || outcome.kind === 'unlimited')
      for (const peak of this.#peaks) {
        const isMoney = peak.of === 'money'
        peak.admit(recorded, isMoney ? this.moneyOf(recorded, route) : amountOf(peak.of, recorded), decidedAt)
      }
  }
}

function violates({ decision }: Extract<Outcome, { kind: 'refused' }>, rule: string): boolean {
  return decision.refusal.violated.includes(rule)
}

/** The peak amount admitted within any trailing period. */
class Peak {
  max = 0
  readonly #objective: AdmissionObjective
  readonly #numbers = new SlotColumns(LOG_NUMBERS)
  readonly #logs: SlidingLogs
  readonly #slots: KeyIndex

  constructor(objective: AdmissionObjective, entries: EntryPool) {
    this.#objective = objective
    this.#logs = new SlidingLogs(entries, this.#numbers)
    this.#slots = new KeyIndex(Number.POSITIVE_INFINITY, {
      begin: (slot) => {
        this.#numbers.reach(slot)
        this.#logs.begin(slot)
      },
      isExpired: (slot, now) => this.#logs.sumAt(slot, now, objective.period) === 0,
      end: (slot) => this.#logs.end(slot),
    })
  }

  get of(): AdmissionObjective['of'] {
    return this.#objective.of
  }

  admit(request: TraceRequest, amount: number, now: number): void {
    const { period, each } = this.#objective
    if (amount === 0) return
    const slot = this.#slots.of(each ? senderName(request) : '', now)
    const sum = this.#logs.sumAt(slot, now, period) + amount
    this.#logs.add(slot, now, amount)
    if (sum > this.max) this.max = sum
  }
}

function amountOf(
  of: Exclude<AdmissionObjective['of'], 'money'>,
  { input = 0, output = 0 }: TraceRequest,
): number {
  switch (of) {
    case 'requests':
      return 1
    case 'tokens':
      return input + output
    case 'input_tokens':
      return input
    case 'output_tokens':
      return output
  }
}
