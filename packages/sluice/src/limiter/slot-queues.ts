import { capacityOf } from '../limits/limit.js'
import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { Timers } from '../time/timers.js'
import type { RuleCharge } from './charges.js'
import { type Decision, type Quota, type Refusal, refusalOf } from './decision.js'
import { HoldTimes } from './hold-times.js'
import { type Attempt, WaitQueue } from './wait-queue.js'

/** Interval at which the head of a queue checks for slots freed elsewhere, in milliseconds. */
const POLL_INTERVAL_MS = 100

/** Minimum `retryAfter` of a `busy` refusal, in milliseconds. */
const MIN_RETRY_AFTER_MS = 1_000

/** The slots of one rule and key that requests can wait for. */
interface SlotPool {
  readonly id: string
  readonly rule: string
  readonly scope: string
  readonly timeoutMs: number
  readonly maxQueued: number
  /** True if all requests in the queue come from one client. */
  readonly isPerClient: boolean
}

/** A request that may wait for a slot. */
export interface QueuedRequest {
  /** Admits or refuses the request. Called whenever a slot may be free. */
  decide(): MaybePromise<Decision>
  /** Returns the quotas that a decision would report now. Takes nothing. */
  forecast(): MaybePromise<readonly Quota[]>
  readonly signal: AbortSignal | undefined
  /** The client that waits. It may use at most half of a queue that it shares with others. */
  readonly waiter: string | undefined
}

/** The queues of requests that wait for slots in this process. */
export class SlotQueues {
  readonly #queues = new Map<string, WaitQueue<Decision>>()
  readonly #holdTimes = new HoldTimes()

  constructor(private readonly timers: Pick<Timers, 'start' | 'stop'>) {}

  /** True if no request waits. */
  get areEmpty(): boolean {
    return this.#queues.size === 0
  }

  /**
   * Decides on a request that may wait. It never overtakes requests that wait for the same slots.
   *
   * @param charges the rules' current charges for the request
   */
  admit(charges: readonly RuleCharge[], request: QueuedRequest): MaybePromise<Decision> {
    const pools = charges.flatMap(poolOf)
    const queued = pools.find(({ id }) => this.#queues.has(id))
    if (queued !== undefined) return this.#wait(queued, pools, request)
    return andThen(request.decide(), (decision) => this.#waitIfExhausted(decision, pools, request))
  }

  /** Queues a refused request if it lacks only slots. */
  waitAfter(
    refused: Decision,
    charges: readonly RuleCharge[],
    request: QueuedRequest,
  ): MaybePromise<Decision> {
    return this.#waitIfExhausted(refused, charges.flatMap(poolOf), request)
  }

  #waitIfExhausted(
    decision: Decision,
    pools: readonly SlotPool[],
    request: QueuedRequest,
  ): MaybePromise<Decision> {
    const exhausted = exhaustedPool(decision, pools)
    return exhausted === undefined ? decision : this.#wait(exhausted, pools, request)
  }

  /** Serves the queue of a key whose slots may be free again. */
  onSlotsFreed(scope: string, key: string, heldMs: number): void {
    this.#holdTimes.add(scope, heldMs)
    this.#queues.get(idOf(scope, key))?.wake()
  }

  async #wait(
    pool: SlotPool,
    pools: readonly SlotPool[],
    { decide, forecast, signal, waiter }: QueuedRequest,
  ): Promise<Decision> {
    const queue = this.#queues.get(pool.id) ?? new WaitQueue<Decision>(this.timers)
    const own = pool.isPerClient || waiter === undefined ? 0 : queue.countOf(waiter)
    if (queue.length >= pool.maxQueued || (own > 0 && own >= Math.ceil(pool.maxQueued / 2)))
      return this.#busy(pool, queue.length, await forecast())
    this.#queues.set(pool.id, queue)
    const attempt = (): MaybePromise<Attempt<Decision>> =>
      andThen(decide(), (decision) =>
        exhaustedPool(decision, pools) === undefined ? { result: decision } : { retryInMs: POLL_INTERVAL_MS },
      )
    const onLateResult = (decision: Decision) => {
      // A request whose client has disconnected never runs, so it is refunded in full.
      if (decision.allowed) decision.permit.cancel().catch(() => {})
    }
    try {
      const { timeoutMs } = pool
      const decision = await queue.join({ attempt, onLateResult, timeoutMs, signal, client: waiter })
      return decision ?? this.#busy(pool, queue.length, await forecast())
    } finally {
      // Another queue may have replaced this one during the forecast.
      if (queue.length === 0 && this.#queues.get(pool.id) === queue) this.#queues.delete(pool.id)
    }
  }

  /**
   * Refuses a request that timed out in the queue or arrived when the queue was full. `retryAfter`
   * estimates when the requests ahead will be done, based on recent hold times. Until a slot has
   * been freed, the estimate is the timeout of the queue. It never exceeds the time until the
   * leases end.
   */
  #busy(pool: SlotPool, ahead: number, forecast: readonly Quota[]): Decision {
    const quotas = forecast.map((quota) => {
      if (quota.rule !== pool.rule) return quota
      const holds = ((ahead + 1) * Math.max(1, quota.cost)) / capacityOf(quota.limit)
      const estimate = this.#holdTimes.estimateMs(pool.scope, holds) ?? pool.timeoutMs
      const bound = quota.retryAfter > 0 ? quota.retryAfter : estimate
      return { ...quota, allowed: false, retryAfter: Math.max(MIN_RETRY_AFTER_MS, Math.min(estimate, bound)) }
    })
    const refusal = refusalOf(quotas) as Refusal
    return { allowed: false, quotas, refusal: { ...refusal, reason: 'busy' } }
  }
}

function poolOf({ rule, scope, key }: RuleCharge): SlotPool[] {
  if (rule.waiting === undefined) return []
  return [{ id: idOf(scope, key), rule: rule.name, scope, ...rule.waiting }]
}

function idOf(scope: string, key: string): string {
  return JSON.stringify([scope, key])
}

/**
 * Finds the pool to wait for. Undefined if another rule also refuses, or if the request needs more
 * slots than exist.
 */
function exhaustedPool(decision: Decision, pools: readonly SlotPool[]): SlotPool | undefined {
  if (decision.allowed || decision.quotas.some(isOversized)) return undefined
  const { violated } = decision.refusal
  const exhausted = pools.filter(({ rule }) => violated.includes(rule))
  return exhausted.length === violated.length ? exhausted[0] : undefined
}

function isOversized({ enforced, cost, limit }: Quota): boolean {
  return enforced && cost > capacityOf(limit)
}
