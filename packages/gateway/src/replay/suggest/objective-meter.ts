import type { EntryPool } from '../columns/entry-pool.js'
import { KeyIndex } from '../columns/key-index.js'
import { LOG_NUMBERS, SlidingLogs } from '../columns/sliding-logs.js'
import { SlotColumns } from '../columns/slot-columns.js'
import type { Outcome, Played, ReplayObserver } from '../engine/replay-events.js'
import { senderName } from '../trace/sender-ids.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { AdmissionObjective, Objective } from './objective.js'
import type { Target } from './suggest-target.js'

/** What became of a wish under a policy, in the order of the wish's clauses. */
export interface Measures {
  /** Of each `refuse` clause: how many of those requests there were, how many were refused, and how many of these by other rules alone. */
  readonly refuse: readonly Refusals[]
  /** Of each `admit` clause: the most that was let in within a period. */
  readonly admit: readonly number[]
  /** Of all requests. */
  readonly requests: number
  readonly refused: number
}

export interface Refusals {
  readonly requests: number
  readonly refused: number
  readonly byOthers: number
}

/** Whether a request counts for a `refuse` clause. */
export type Concerns = (request: TraceRequest) => boolean

/** Measures how far a policy is from a wish. */
export class ObjectiveMeter implements ReplayObserver {
  readonly #refuse: { readonly concerns: Concerns; requests: number; refused: number; byOthers: number }[]
  readonly #peaks: Peak[]
  #requests = 0
  #refused = 0

  /**
   * @param target the rule that the wish is about
   * @param concerns of each `refuse` clause
   * @param entries where what was let in within the wish's periods is remembered
   */
  constructor(
    wish: Objective,
    private readonly target: Pick<Target, 'route' | 'name'>,
    concerns: readonly Concerns[],
    entries: EntryPool,
  ) {
    this.#refuse = concerns.map((each) => ({ concerns: each, requests: 0, refused: 0, byOthers: 0 }))
    this.#peaks = wish.admit.map((admit) => new Peak(admit, entries))
  }

  get measures(): Measures {
    return {
      refuse: this.#refuse.map(({ requests, refused, byOthers }) => ({ requests, refused, byOthers })),
      admit: this.#peaks.map(({ most }) => most),
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
      if (!clause.concerns(recorded)) continue
      clause.requests++
      if (refused) clause.refused++
      if (byOthers) clause.byOthers++
    }
    if (outcome.kind === 'allowed' || outcome.kind === 'unlimited')
      for (const peak of this.#peaks) peak.letIn(recorded, decidedAt)
  }
}

function violates({ decision }: Extract<Outcome, { kind: 'refused' }>, rule: string): boolean {
  return decision.refusal.violated.includes(rule)
}

/** The most that is let in within any trailing period. */
class Peak {
  most = 0
  readonly #wish: AdmissionObjective
  readonly #numbers = new SlotColumns(LOG_NUMBERS)
  readonly #logs: SlidingLogs
  readonly #slots: KeyIndex

  constructor(wish: AdmissionObjective, entries: EntryPool) {
    this.#wish = wish
    this.#logs = new SlidingLogs(entries, this.#numbers)
    this.#slots = new KeyIndex(Number.POSITIVE_INFINITY, {
      begin: (slot) => {
        this.#numbers.reach(slot)
        this.#logs.begin(slot)
      },
      isOver: (slot, now) => this.#logs.sumAt(slot, now, wish.period) === 0,
      end: (slot) => this.#logs.end(slot),
    })
  }

  letIn(request: TraceRequest, now: number): void {
    const { of, period, each } = this.#wish
    const amount = amountOf(of, request)
    if (amount === 0) return
    const slot = this.#slots.of(each ? senderName(request) : '', now)
    const sum = this.#logs.sumAt(slot, now, period) + amount
    this.#logs.add(slot, now, amount)
    if (sum > this.most) this.most = sum
  }
}

function amountOf(of: AdmissionObjective['of'], { input = 0, output = 0 }: TraceRequest): number {
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
