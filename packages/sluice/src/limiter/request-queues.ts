import { capacityOf, type Limit } from '../limits/limit.js'
import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { WindowOptions } from '../overload/hand-over-window.js'
import type { Classes } from '../rules/classes.js'
import type { ServiceTerms } from '../rules/service-terms.js'
import type { WaitOptions } from '../rules/waiting.js'
import type { Work } from '../rules/work.js'
import {
  type Attempt,
  type Candidate,
  type Lines,
  lineId,
  type Pool,
  type Unserved,
} from '../waiting/lines.js'
import type { Rank, Share } from '../waiting/share.js'
import type { RuleCharge } from './charges.js'
import { type Decision, type Quota, type Refusal, type RefusedDecision, refusalOf } from './decision.js'

/** Interval at which the first request of a line checks for slots freed elsewhere, in milliseconds. */
const SLOT_POLL_INTERVAL_MS = 100

/** Rounding error of a `retryAfter`, which must not delay an attempt by a whole millisecond. */
const ROUNDING_MS = 1e-6

/** Minimum `retryAfter` of a `busy` refusal, in milliseconds. */
const MIN_BUSY_RETRY_MS = 1_000

/** The pool of a rule, for one request. */
interface RulePool extends Pool {
  readonly rule: string
  /** The limit of the request. */
  readonly limit: Limit
}

/** A request that may wait. */
export interface QueuedRequest {
  /** Admits or refuses the request. Called whenever the request may be admitted. */
  decide(): MaybePromise<Decision>
  /** Returns the quotas that a decision would report now. Takes nothing. */
  forecast(): MaybePromise<readonly Quota[]>
  readonly signal: AbortSignal | undefined
  /** The client that waits. It may use at most half of a line that it shares with others. */
  readonly waiter: string | undefined
  /** Replaces the wait options of all rules. */
  readonly waiting: WaitOptions | undefined
  /** The time in which the caller wants the response to begin, in milliseconds; undefined without one. */
  readonly beginWithinMs: number | undefined
  /** The terms of the request under the rules whose lines know its work; undefined if there are none. */
  readonly terms: TermsByRule | undefined
}

/** The terms of a request under the rules that apply to it and know its work, by the name of the rule. */
export type TermsByRule = ReadonlyMap<string, ServiceTerms>

/** The rules that a request may wait for. */
interface Place extends Candidate {
  readonly pools: readonly RulePool[]
  /** True if an enforced rule does not let the request wait. */
  readonly hasOtherRules: boolean
  /** True if one of these rules starts a penalty when it refuses. */
  readonly havePenalties: boolean
}

/**
 * Lets the requests of a limiter wait in the lines of its store: translates rules into pools, and
 * the end of a wait into a decision.
 */
export class RequestQueues {
  /** @param areStrict true if the requests of some rules always enter a line */
  constructor(
    private readonly lines: Lines,
    private readonly areStrict = false,
  ) {}

  /** True if a request may be decided on before it is known whether it must wait. */
  get areEmpty(): boolean {
    return !this.areStrict && this.lines.areIdle
  }

  /**
   * Decides on a request that may wait. It never overtakes requests that wait for the same rule and
   * key, unless it can never be admitted.
   *
   * @param charges the rules' current charges for the request
   */
  admit(charges: readonly RuleCharge[], request: QueuedRequest): MaybePromise<Decision> {
    const place = placeOf(charges, request, this.newTicket())
    const decide = () => andThen(request.decide(), (decision) => this.#keepOrder(decision, place, request))
    if (this.areEmpty || charges.some(exceedsCapacity)) return decide()
    return andThen(this.lines.ahead(place), (ahead) =>
      ahead === undefined ? decide() : this.#wait(ahead.poolId, place, request),
    )
  }

  /**
   * Records that an admitted request is sent, and charges it to its tenants. Must be called before
   * another request is decided on. Has no effect on a refused request, or if it has begun already.
   */
  begin(decision: Decision, terms: TermsByRule): void {
    if (!decision.allowed) return
    decision.permit.beginService(({ rule, scope, key, cost, limit }) => {
      const known = terms.get(rule.name)
      if (known === undefined) return undefined
      const { window: options } = rule
      const window = options && windowWithin(options, limit)
      const { isStream } = known
      const sending = window && { window, input: workOf(known, cost).input, isStream }
      const rank = rankOf(rule, known, limit)
      return this.lines.begin(lineId(scope, key), { scope, share: shareOf(known, cost), rank, sending })
    })
  }

  /** Returns the place of a request that arrives now among all requests. */
  newTicket(): number {
    return this.lines.newTicket()
  }

  /**
   * Queues a request that was refused if all rules that refuse let it wait. Also queues an admitted
   * request if an older one was refused while a remote store decided on both; it is then refunded.
   *
   * @param ticket from `newTicket`, before the decision
   */
  waitAfter(
    decision: Decision,
    charges: readonly RuleCharge[],
    request: QueuedRequest,
    ticket: number,
  ): MaybePromise<Decision> {
    if (decision.allowed && this.areEmpty) return decision
    return this.#keepOrder(decision, placeOf(charges, request, ticket), request)
  }

  /** Serves the line of a key whose slots may be free again. */
  onSlotsFreed(scope: string, key: string, heldMs: number | undefined): void {
    this.lines.onFreed(scope, key, heldMs)
  }

  /** Serves the line of a key to which units were refunded. */
  onRefunded(scope: string, key: string): void {
    this.lines.onFreed(scope, key)
  }

  #keepOrder(decision: Decision, place: Place, request: QueuedRequest): MaybePromise<Decision> {
    if (decision.allowed)
      return andThen(this.lines.ahead(place), (ahead) => {
        if (ahead === undefined || ahead.isFull) return decision
        const wait = () => this.#wait(ahead.poolId, place, request)
        // If the refund fails, the request waits all the same: it is charged twice, but never admitted twice.
        return decision.permit.withdraw().then(wait, wait)
      })
    const refusing = refusingPool(decision, place)
    if (refusing === undefined) return decision
    const { pool, retryInMs } = refusing
    // Slots may become free at any time, but units of a rate do not return earlier.
    const minWaitMs = pool.limit.algorithm === 'concurrency' ? 0 : retryInMs
    return this.#wait(pool.id, place, request, { minWaitMs, refusal: decision })
  }

  /**
   * @param refused the refusal if the line is empty, and the pool does not admit the request in time
   */
  #wait(
    poolId: string,
    place: Place,
    request: QueuedRequest,
    refused?: { readonly minWaitMs: number; readonly refusal: Decision },
  ): MaybePromise<Decision> {
    const { decide, forecast, signal } = request
    const attempt = (): MaybePromise<Attempt<Decision>> =>
      andThen(decide(), (decision) => {
        const refusing = refusingPool(decision, place)
        if (refusing === undefined) return { result: decision }
        return { retryInMs: refusing.retryInMs, poolId: refusing.pool.id }
      })
    const onLateResult = (decision: Decision) => {
      // A request whose client has disconnected never runs, so it is refunded in full.
      if (decision.allowed) decision.permit.withdraw().catch(() => {})
    }
    // A rule without `wait` refuses at once, even if the request would be behind others.
    const refuseEarly = (quotas: readonly Quota[]): MaybePromise<Decision | undefined> => {
      const refusal = hopeless(quotas, place)
      if (refusal === undefined || !place.havePenalties) return refusal
      // A forecast starts no penalty.
      return andThen(decide(), (decision) => {
        if (decision.allowed) onLateResult(decision)
        return refusingPool(decision, place) === undefined && !decision.allowed ? decision : undefined
      })
    }
    const checkEarly = place.hasOtherRules ? () => andThen(forecast(), refuseEarly) : undefined
    const waiting = { ...place, attempt, checkEarly, onLateResult, signal }
    const entered = this.lines.enter<Decision>(waiting, poolId, refused?.minWaitMs ?? 0)
    return andThen(entered, (outcome) => {
      if ('result' in outcome) return outcome.result
      if (outcome.reason === 'late' && refused !== undefined) return refused.refusal
      const pool = place.pools.find(({ id }) => id === outcome.poolId) as RulePool
      return andThen(forecast(), (quotas) => refusalBy(pool, outcome, quotas))
    })
  }
}

/**
 * Refuses a request that timed out in a line or arrived when it was full. For a rate, `retryAfter`
 * is the time in which the limit admits the requests ahead and then this one, if they cost as much.
 */
function refusalBy(pool: RulePool, unserved: Unserved, forecast: readonly Quota[]): Decision {
  const isBusy = pool.limit.algorithm === 'concurrency'
  const quotas = forecast.map((quota) => {
    if (quota.rule !== pool.rule) return quota
    if (quota.limit.algorithm === 'concurrency')
      return { ...quota, allowed: false, retryAfter: busyRetryAfter(pool, unserved, quota) }
    const { limit, period } = quota.limit
    const retryAfter = Math.max(1, quota.retryAfter) + (unserved.ahead * quota.cost * period) / limit
    // The requests ahead will take the units that are left.
    return { ...quota, allowed: false, remaining: quota.allowed ? 0 : quota.remaining, retryAfter }
  })
  const refusal = refusalOf(quotas) as Refusal
  return { allowed: false, quotas, refusal: isBusy ? { ...refusal, reason: 'busy' } : refusal }
}

/**
 * Estimates when the requests ahead will be done: from the service that waits in a fair line, or from
 * recent hold times. Until a slot has been freed, the estimate is the timeout of the line. It never
 * exceeds the time until the leases end.
 */
function busyRetryAfter({ timeoutMs }: RulePool, unserved: Unserved, quota: Quota): number {
  const { ahead, holdMs, expectedWaitMs } = unserved
  if (expectedWaitMs !== undefined) return Math.max(MIN_BUSY_RETRY_MS, Math.ceil(expectedWaitMs))
  const holds = ((ahead + 1) * Math.max(1, quota.cost)) / capacityOf(quota.limit)
  const estimate = holdMs === undefined ? timeoutMs : holdMs * holds
  const bound = quota.retryAfter > 0 ? quota.retryAfter : estimate
  return Math.max(MIN_BUSY_RETRY_MS, Math.min(estimate, bound))
}

/** @param cost the cost of the rule, which is the input if the rule predicts no work */
function workOf({ work }: ServiceTerms, cost: number): Work {
  return work ?? { input: cost, output: 0 }
}

function shareOf(terms: ServiceTerms | undefined, cost: number): Share | undefined {
  if (terms?.tenancy === undefined) return undefined
  return { ...terms.tenancy, work: workOf(terms, cost), counts: terms.counts }
}

/** Returns the class of a request under a rule; undefined if the rule has none. */
function rankOf(
  { classes }: { readonly classes: Omit<Classes<never>, 'classFor'> | undefined },
  terms: ServiceTerms | undefined,
  limit: Limit,
): Rank | undefined {
  const index = terms?.classIndex
  if (classes === undefined || index === undefined) return undefined
  const { names, floors, parts } = classes
  return {
    index,
    name: names[index] as string,
    floors,
    most: Math.max(1, Math.floor((parts[index] as number) * limit.limit)),
  }
}

/** Returns how long a request may wait. A caller may only shorten the deadline of the rule. */
function timesOf(
  { timeoutMs }: WaitOptions,
  { firstTokenMs }: RuleCharge['rule'],
  terms: ServiceTerms | undefined,
  cost: number,
  beginWithinMs = Number.POSITIVE_INFINITY,
): Pick<Pool, 'timeoutMs' | 'deadline'> {
  if (firstTokenMs === undefined) return { timeoutMs, deadline: undefined }
  const withinMs = Math.min(firstTokenMs, beginWithinMs)
  const input = terms === undefined ? cost : workOf(terms, cost).input
  return { timeoutMs: Math.min(timeoutMs, withinMs), deadline: { withinMs, input } }
}

/** The window never allows more than the limit, which an override or a warm-up may have changed. */
function windowWithin(window: WindowOptions, limit: Limit): WindowOptions {
  return limit.limit === window.max ? window : { ...window, max: limit.limit }
}

function placeOf(
  charges: readonly RuleCharge[],
  { waiting, waiter, terms, beginWithinMs }: QueuedRequest,
  ticket: number,
): Place {
  const pools: RulePool[] = []
  let hasOtherRules = false
  let havePenalties = false
  for (const { rule, scope, key, limit, cost, penalty } of charges) {
    // Each attempt of a request that waited for a rule with a penalty would start one.
    const options = rule.enforce && penalty === undefined ? (waiting ?? rule.waiting) : undefined
    if (options !== undefined)
      pools.push({
        ...options,
        id: lineId(scope, key),
        rule: rule.name,
        scope,
        limit,
        share: shareOf(terms?.get(rule.name), cost),
        // A request without a slot is not sent.
        window: rule.window && cost > 0 ? windowWithin(rule.window, limit) : undefined,
        rank: cost > 0 ? rankOf(rule, terms?.get(rule.name), limit) : undefined,
        ...timesOf(options, rule, terms?.get(rule.name), cost, beginWithinMs),
      })
    else if (rule.enforce) {
      hasOtherRules = true
      havePenalties ||= penalty !== undefined
    }
  }
  return { pools, hasOtherRules, havePenalties, ticket, waiter }
}

/**
 * Finds the pool to wait for: of the rules that refuse, the one that admits the request last.
 * Undefined if a rule refuses for which the request does not wait, or if the request costs more
 * than a limit can hold.
 */
function refusingPool(
  decision: Decision,
  { pools }: Place,
): { readonly pool: RulePool; readonly retryInMs: number } | undefined {
  if (decision.allowed || decision.quotas.some(isOversized)) return undefined
  let last: { readonly pool: RulePool; readonly retryInMs: number } | undefined
  for (const quota of refusing(decision)) {
    const pool = pools.find(({ rule }) => rule === quota.rule)
    if (pool === undefined) return undefined
    const retryInMs = retryDelay(quota)
    if (last === undefined || retryInMs > last.retryInMs) last = { pool, retryInMs }
  }
  return last
}

/** Returns the refusal by a rule for which the request does not wait. */
function hopeless(quotas: readonly Quota[], { pools }: Place): RefusedDecision | undefined {
  const refusal = refusalOf(quotas)
  if (refusal === undefined) return undefined
  const waits = refusal.violated.every((name) => pools.some(({ rule }) => rule === name))
  return waits ? undefined : { allowed: false, quotas, refusal }
}

function refusing({ quotas, refusal }: RefusedDecision): readonly Quota[] {
  return quotas.filter(({ rule }) => refusal.violated.includes(rule))
}

/** Returns the milliseconds after which the rule may admit the request. */
function retryDelay({ limit, retryAfter }: Quota): number {
  return limit.algorithm === 'concurrency'
    ? SLOT_POLL_INTERVAL_MS
    : Math.max(1, Math.ceil(retryAfter - ROUNDING_MS))
}

function isOversized({ enforced, cost, limit }: Quota): boolean {
  return enforced && cost > capacityOf(limit)
}

function exceedsCapacity({ rule, cost, limit }: RuleCharge): boolean {
  return rule.enforce && cost > capacityOf(limit)
}
