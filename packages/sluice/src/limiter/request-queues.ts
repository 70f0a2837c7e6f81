import { capacityOf, type Limit } from '../limits/limit.js'
import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { WaitOptions } from '../rules/waiting.js'
import type { Timers } from '../time/timers.js'
import type { RuleCharge } from './charges.js'
import { type Decision, type Quota, type Refusal, type RefusedDecision, refusalOf } from './decision.js'
import { HoldTimes } from './hold-times.js'
import { type Attempt, WaitQueue } from './wait-queue.js'

/** Interval at which the head of a queue checks for slots freed elsewhere, in milliseconds. */
const SLOT_POLL_INTERVAL_MS = 100

/** Rounding error of a `retryAfter`, which must not delay an attempt by a whole millisecond. */
const ROUNDING_MS = 1e-6

/** Minimum `retryAfter` of a `busy` refusal, in milliseconds. */
const MIN_BUSY_RETRY_MS = 1_000

/** The units of one rule and key that requests can wait for. */
interface Pool extends WaitOptions {
  readonly id: string
  readonly rule: string
  readonly scope: string
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
  /** The client that waits. It may use at most half of a queue that it shares with others. */
  readonly waiter: string | undefined
  /** Replaces the wait options of all rules. */
  readonly waiting: WaitOptions | undefined
}

/** The rules that a request may wait for. */
interface Pools {
  readonly list: readonly Pool[]
  /** True if an enforced rule does not let the request wait. */
  readonly hasOtherRules: boolean
  /** True if one of these rules starts a penalty when it refuses. */
  readonly havePenalties: boolean
}

/**
 * The queues of requests that wait in this process: one for each rule and key. A waiting request
 * holds nothing. It is in the queue of the rule that will admit it last, ordered by arrival, and
 * takes all charges at once when it is at the head.
 */
export class RequestQueues {
  readonly #queues = new Map<string, WaitQueue<Decision>>()
  readonly #holdTimes = new HoldTimes()
  #tickets = 0

  constructor(private readonly timers: Pick<Timers, 'start' | 'stop'>) {}

  /** True if no request waits. */
  get areEmpty(): boolean {
    return this.#queues.size === 0
  }

  /**
   * Decides on a request that may wait. It never overtakes requests that wait for the same rule and
   * key, unless it can never be admitted.
   *
   * @param charges the rules' current charges for the request
   */
  admit(charges: readonly RuleCharge[], request: QueuedRequest): MaybePromise<Decision> {
    const pools = poolsOf(charges, request)
    const queued = pools.list.find(({ id }) => this.#queues.has(id))
    const ticket = this.newTicket()
    if (queued !== undefined && !charges.some(exceedsCapacity))
      return this.#wait(queued, pools, request, ticket)
    return andThen(request.decide(), (decision) => this.#keepOrder(decision, pools, request, ticket))
  }

  /** Returns the place of a request that arrives now among all requests. */
  newTicket(): number {
    return this.#tickets++
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
    return this.#keepOrder(decision, poolsOf(charges, request), request, ticket)
  }

  /** Serves the queue of a key whose slots may be free again. */
  onSlotsFreed(scope: string, key: string, heldMs: number | undefined): void {
    if (heldMs !== undefined) this.#holdTimes.add(scope, heldMs)
    this.#queues.get(idOf(scope, key))?.wake()
  }

  /** Serves the queue of a key to which units were refunded. */
  onRefunded(scope: string, key: string): void {
    if (this.#queues.size > 0) this.#queues.get(idOf(scope, key))?.wake()
  }

  #keepOrder(
    decision: Decision,
    pools: Pools,
    request: QueuedRequest,
    ticket: number,
  ): MaybePromise<Decision> {
    if (decision.allowed) {
      const overtaken = pools.list.find(({ id }) => (this.#queues.get(id)?.firstTicket ?? ticket) < ticket)
      if (overtaken === undefined || isFull(this.#queueOf(overtaken), overtaken, request.waiter))
        return decision
      const wait = () => this.#wait(overtaken, pools, request, ticket)
      // If the refund fails, the request waits all the same: it is charged twice, but never admitted twice.
      return decision.permit.withdraw().then(wait, wait)
    }
    const refusing = refusingPool(decision, pools)
    if (refusing === undefined) return decision
    const { pool, retryInMs } = refusing
    const isHead = !this.#queues.has(pool.id)
    // Slots may become free at any time, but units of a rate do not return earlier.
    if (isHead && pool.limit.algorithm !== 'concurrency' && retryInMs > pool.timeoutMs) return decision
    return this.#wait(pool, pools, request, ticket)
  }

  async #wait(first: Pool, pools: Pools, request: QueuedRequest, ticket: number): Promise<Decision> {
    const { decide, forecast, signal, waiter } = request
    const queue = this.#queueOf(first)
    if (isFull(queue, first, waiter)) return this.#refuse(first, queue.length, await forecast())
    this.#queues.set(first.id, queue)
    let pool = first
    const moveTo = (target: Pool): MaybePromise<Attempt<Decision>> => {
      const queue = this.#queueOf(target)
      if (isFull(queue, target, waiter))
        return andThen(forecast(), (quotas) => ({ result: this.#refuse(target, queue.length, quotas) }))
      this.#queues.set(target.id, queue)
      pool = target
      return { moveTo: queue }
    }
    const attempt = (): MaybePromise<Attempt<Decision>> => {
      const older = pools.list.find(({ id }) => (this.#queues.get(id)?.firstTicket ?? ticket) < ticket)
      if (older !== undefined) return moveTo(older)
      return andThen(decide(), (decision): MaybePromise<Attempt<Decision>> => {
        const refusing = refusingPool(decision, pools)
        if (refusing === undefined) return { result: decision }
        return refusing.pool.id === pool.id ? { retryInMs: refusing.retryInMs } : moveTo(refusing.pool)
      })
    }
    const onLateResult = (decision: Decision) => {
      // A request whose client has disconnected never runs, so it is refunded in full.
      if (decision.allowed) decision.permit.withdraw().catch(() => {})
    }
    // A rule without `wait` refuses at once, even if the request would be behind others.
    const refuseEarly = (quotas: readonly Quota[]): MaybePromise<Decision | undefined> => {
      const refused = hopeless(quotas, pools)
      if (refused === undefined || !pools.havePenalties) return refused
      // A forecast starts no penalty.
      return andThen(decide(), (decision) => {
        if (decision.allowed) onLateResult(decision)
        return refusingPool(decision, pools) === undefined && !decision.allowed ? decision : undefined
      })
    }
    const checkEarly = pools.hasOtherRules ? () => andThen(forecast(), refuseEarly) : undefined
    const { timeoutMs } = first
    const decision = await queue.join({
      attempt,
      checkEarly,
      onLateResult,
      timeoutMs,
      ticket,
      signal,
      client: waiter,
    })
    return decision ?? this.#refuse(pool, this.#queueOf(pool).length, await forecast())
  }

  /** Returns the queue of a pool. An empty queue is not yet stored. */
  #queueOf({ id }: Pool): WaitQueue<Decision> {
    return this.#queues.get(id) ?? new WaitQueue(this.timers, () => this.#queues.delete(id))
  }

  /**
   * Refuses a request that timed out in the queue or arrived when the queue was full. For a rate,
   * `retryAfter` is the time in which the limit admits the requests ahead and then this one, if
   * they cost as much.
   */
  #refuse(pool: Pool, ahead: number, forecast: readonly Quota[]): Decision {
    const isBusy = pool.limit.algorithm === 'concurrency'
    const quotas = forecast.map((quota) => {
      if (quota.rule !== pool.rule) return quota
      if (quota.limit.algorithm === 'concurrency')
        return { ...quota, allowed: false, retryAfter: this.#busyRetryAfter(pool, ahead, quota) }
      const { limit, period } = quota.limit
      const retryAfter = Math.max(1, quota.retryAfter) + (ahead * quota.cost * period) / limit
      // The requests ahead will take the units that are left.
      return { ...quota, allowed: false, remaining: quota.allowed ? 0 : quota.remaining, retryAfter }
    })
    const refusal = refusalOf(quotas) as Refusal
    return { allowed: false, quotas, refusal: isBusy ? { ...refusal, reason: 'busy' } : refusal }
  }

  /**
   * Estimates when the requests ahead will be done, based on recent hold times. Until a slot has
   * been freed, the estimate is the timeout of the queue. It never exceeds the time until the
   * leases end.
   */
  #busyRetryAfter(pool: Pool, ahead: number, quota: Quota): number {
    const holds = ((ahead + 1) * Math.max(1, quota.cost)) / capacityOf(quota.limit)
    const estimate = this.#holdTimes.estimateMs(pool.scope, holds) ?? pool.timeoutMs
    const bound = quota.retryAfter > 0 ? quota.retryAfter : estimate
    return Math.max(MIN_BUSY_RETRY_MS, Math.min(estimate, bound))
  }
}

function poolsOf(charges: readonly RuleCharge[], { waiting }: QueuedRequest): Pools {
  const list: Pool[] = []
  let hasOtherRules = false
  let havePenalties = false
  for (const { rule, scope, key, limit, penalty } of charges) {
    // Each attempt of a request that waited for a rule with a penalty would start one.
    const options = rule.enforce && penalty === undefined ? (waiting ?? rule.waiting) : undefined
    if (options !== undefined) list.push({ ...options, id: idOf(scope, key), rule: rule.name, scope, limit })
    else if (rule.enforce) {
      hasOtherRules = true
      havePenalties ||= penalty !== undefined
    }
  }
  return { list, hasOtherRules, havePenalties }
}

function idOf(scope: string, key: string): string {
  return JSON.stringify([scope, key])
}

function isFull(queue: WaitQueue<Decision>, pool: Pool, waiter: string | undefined): boolean {
  const { maxQueued, isPerClient } = pool
  const own = isPerClient || waiter === undefined ? 0 : queue.countOf(waiter)
  return queue.length >= maxQueued || (own > 0 && own >= Math.ceil(maxQueued / 2))
}

/**
 * Finds the pool to wait for: of the rules that refuse, the one that admits the request last.
 * Undefined if a rule refuses for which the request does not wait, or if the request costs more
 * than a limit can hold.
 */
function refusingPool(
  decision: Decision,
  { list }: Pools,
): { readonly pool: Pool; readonly retryInMs: number } | undefined {
  if (decision.allowed || decision.quotas.some(isOversized)) return undefined
  let last: { readonly pool: Pool; readonly retryInMs: number } | undefined
  for (const quota of refusing(decision)) {
    const pool = list.find(({ rule }) => rule === quota.rule)
    if (pool === undefined) return undefined
    const retryInMs = retryDelay(quota)
    if (last === undefined || retryInMs > last.retryInMs) last = { pool, retryInMs }
  }
  return last
}

/** Returns the refusal by a rule for which the request does not wait. */
function hopeless(quotas: readonly Quota[], { list }: Pools): RefusedDecision | undefined {
  const refusal = refusalOf(quotas)
  if (refusal === undefined) return undefined
  const waits = refusal.violated.every((name) => list.some(({ rule }) => rule === name))
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
