import type { MaybePromise } from '../maybe-promise.js'
import type { WindowState } from '../overload/hand-over-window.js'
import { serviceOf } from '../rules/work.js'
import { type Clock, systemClock } from '../time/clock.js'
import type { Timers } from '../time/timers.js'
import { onAborted } from './abort-listeners.js'
import { FirstCome } from './first-come.js'
import { HoldTimes } from './hold-times.js'
import { type FleetReport, LastingOrders } from './lasting-orders.js'
import { Line } from './line.js'
import { LineStats, type LineTotals, type TenantService } from './line-stats.js'
import {
  type Ahead,
  type Attempt,
  admitsInLine,
  type Candidate,
  type Deadline,
  type Lines,
  lineId,
  type Outcome,
  type Pool,
  scopeOf,
  type Unserved,
  type WaitingRequest,
} from './lines.js'
import { LocalService, serviceChange } from './local-service.js'
import type { Order, Waiting } from './order.js'
import { PoolWindows, type WatchLoad } from './pool-windows.js'
import type { Dispatch, Service } from './service.js'
import type { Rank, Share } from './share.js'

/** The timers that end waits, and their clock. Default: the monotonic clock of the system. */
export type WaitTimers = Pick<Timers, 'start' | 'stop'> & Partial<Pick<Clock, 'now'>>

/** Interval at which a class checks for slots that other processes freed, in milliseconds. */
const SLOT_POLL_MS = 100

/** A request is refused on arrival if its predicted wait exceeds its timeout by this factor. */
const WAIT_TOLERANCE = 2

/** The lines and windows of a rule at one moment. */
export interface LineState {
  readonly totals: LineTotals
  /** Number of requests that wait. */
  readonly waiting: number
  /** The tenants with the most service lately. Empty if the rule is not fair. */
  readonly tenants: readonly TenantService[]
  /** Jain's index over the tenants that waited in the last minute; undefined unless two did. */
  readonly fairness: number | undefined
  /** The hand-over windows of all keys of the rule. */
  readonly windows: readonly WindowState[]
}

/** Lines of a gateway that others know. */
const MAX_FLEET_LINES = 100

/** Rules whose lines are counted. */
const MAX_RULES = 1_000

export interface LocalLinesOptions {
  /** Called when the first request begins to wait, and when the last one leaves. */
  readonly onIdleChange?: (areIdle: boolean) => void
  /** Reads the load of servers for hand-over windows. Default: it is unknown. */
  readonly watchLoad?: WatchLoad | undefined
}

/** A request in one of the lines. */
interface Entry extends Waiting {
  readonly request: WaitingRequest<unknown>
  readonly resolve: (outcome: Outcome<unknown>) => void
  readonly reject: (error: unknown) => void
  /** The pool for which the request waits. */
  pool: Pool
  share: Share | undefined
  rank: Rank | undefined
  readonly enteredAt: number
  /** The line that the request is in; undefined after it has left. */
  line: Line<Entry> | undefined
}

/** The lines of requests that wait in this process. */
export class LocalLines implements Lines {
  readonly #timers: WaitTimers
  readonly #onIdleChange: (areIdle: boolean) => void
  /** The lines in which a request waits. */
  readonly #lines = new Map<string, Line<Entry>>()
  readonly #orders: LastingOrders<Entry>
  /** An order that outlives its line has one line again, so that there is one attempt at a time. */
  readonly #lineOf = new WeakMap<Order<Entry>, Line<Entry>>()
  readonly #windows: PoolWindows
  readonly #now: () => number
  readonly #holdTimes = new HoldTimes()
  #isInFleet = false
  /** By the scope of the rule. */
  readonly #stats = new Map<string, LineStats>()
  #tickets = 0

  constructor(timers: WaitTimers, { onIdleChange = () => {}, watchLoad }: LocalLinesOptions = {}) {
    const { now = systemClock.now } = timers
    this.#timers = timers
    this.#onIdleChange = onIdleChange
    this.#now = now
    this.#orders = new LastingOrders(now)
    this.#windows = new PoolWindows({ now, onRoom: (poolId) => this.#lines.get(poolId)?.wake(), watchLoad })
  }

  get areIdle(): boolean {
    return this.#lines.size === 0 && !this.#isInFleet
  }

  newTicket(): number {
    return this.#tickets++
  }

  ahead(candidate: Candidate): Ahead | undefined {
    for (const pool of candidate.pools) {
      const order = this.#lines.get(pool.id)?.order
      const waiting = waitingFor(pool, candidate)
      const isHeld = () => this.#isInFleet && !this.#orders.mayStart(pool.id, waiting)
      if (admitsInLine(pool) || order?.precedes(waiting) === true || isHeld())
        return { poolId: pool.id, isFull: order?.isFullFor(waiting, pool) === true }
    }
    return undefined
  }

  enter<T>(request: WaitingRequest<T>, poolId: string, minWaitMs: number): MaybePromise<Outcome<T>> {
    const pool = poolOf(request, poolId)
    const order = this.#lines.get(poolId)?.order
    if (order === undefined && minWaitMs > pool.timeoutMs) return this.#unserved('late', request, pool)
    if (order !== undefined && isHopeless(order, waitingFor(pool, request), pool))
      return this.#unserved('full', request, pool)
    return new Promise((resolve, reject) => {
      this.#join(request as WaitingRequest<unknown>, pool, {
        resolve: resolve as (outcome: Outcome<unknown>) => void,
        reject,
      })
    })
  }

  begin(poolId: string, { scope, share, rank, sending }: Dispatch): Service {
    const charge = this.#orders.begin(poolId, { share, rank })
    const sent = sending && this.#windows.begin(poolId, sending)
    const stats = this.#statsOf(scope)
    stats.onSent(rank?.name ?? '')
    if (share === undefined) return new LocalService(charge, sent)
    stats.onService(share, serviceOf(share.work, share.counts), this.#now())
    // Corrections count when the request has ended, which is soon enough for metrics.
    return new LocalService(charge, sent, (work) =>
      stats.onService(share, serviceChange(share, work), this.#now()),
    )
  }

  /** Makes fair lines fair together with those of other gateways: see `fleetReport` and `onFleetReports`. */
  joinFleet(): void {
    this.#isInFleet = true
    this.#orders.joinFleet()
    this.#onIdleChange(false)
  }

  /** What other gateways must know of the lines here; undefined if there is nothing. */
  fleetReport(): FleetReport | undefined {
    const lines = new Map(this.#orders.reports())
    for (const poolId of this.#windows.poolIds) if (!lines.has(poolId)) lines.set(poolId, [])
    const shown = [...lines].slice(0, MAX_FLEET_LINES)
    return shown.length === 0 ? undefined : Object.fromEntries(shown)
  }

  /** @param reports what the other gateways reported last, by gateway. Empty if nothing is known */
  onFleetReports(reports: ReadonlyMap<string, FleetReport>): void {
    this.#orders.onReports(reports)
    this.#windows.setGateways(
      (poolId) => 1 + [...reports.values()].filter((report) => report[poolId] !== undefined).length,
    )
    for (const line of this.#lines.values()) line.wake()
  }

  /** What the lines and windows of each rule do, by the scope of the rule. For metrics. */
  states(): ReadonlyMap<string, LineState> {
    const now = this.#now()
    const waiting = new Map<string, number>()
    for (const [poolId, { order }] of this.#lines) {
      const scope = scopeOf(poolId)
      waiting.set(scope, (waiting.get(scope) ?? 0) + order.length)
    }
    const windows = new Map<string, WindowState[]>()
    for (const [poolId, window] of this.#windows.states) {
      const scope = scopeOf(poolId)
      const ofScope = windows.get(scope)
      if (ofScope === undefined) windows.set(scope, [window])
      else ofScope.push(window)
    }
    const scopes = new Set([...this.#stats.keys(), ...waiting.keys(), ...windows.keys()])
    return new Map(
      [...scopes].map((scope) => {
        const stats = this.#stats.get(scope) ?? new LineStats()
        const state = {
          ...{ totals: stats.totals, tenants: stats.largest(now), fairness: stats.fairness(now) },
          waiting: waiting.get(scope) ?? 0,
          windows: windows.get(scope) ?? [],
        }
        return [scope, state]
      }),
    )
  }

  /** The hand-over windows of all rules. */
  get windows(): readonly WindowState[] {
    return [...this.#windows.states.values()]
  }

  onFreed(scope: string, key: string, heldMs?: number): void {
    if (heldMs !== undefined) this.#holdTimes.add(scope, heldMs)
    if (this.#lines.size > 0) this.#lines.get(lineId(scope, key))?.wake()
  }

  #statsOf(scope: string): LineStats {
    const known = this.#stats.get(scope)
    if (known !== undefined) return known
    const [oldest] = this.#stats.keys()
    if (this.#stats.size >= MAX_RULES && oldest !== undefined) this.#stats.delete(oldest)
    const created = new LineStats()
    this.#stats.set(scope, created)
    return created
  }

  #join(request: WaitingRequest<unknown>, pool: Pool, caller: Pick<Entry, 'resolve' | 'reject'>): void {
    const { signal, ticket, waiter, checkEarly } = request
    if (signal?.aborted) {
      caller.reject(signal.reason)
      return
    }
    const unsubscribe = signal && onAborted(signal, () => this.#leave(entry) && entry.reject(signal.reason))
    const timeout = this.#timers.start(() => {
      if (this.#leave(entry)) entry.resolve(this.#unserved('timeout', request, entry.pool))
    }, pool.timeoutMs)
    const onSettled = () => {
      this.#timers.stop(timeout)
      unsubscribe?.()
    }
    const entry: Entry = {
      ...{ ticket, waiter, request, pool, share: pool.share, rank: pool.rank, line: undefined },
      enteredAt: this.#now(),
      resolve(outcome) {
        onSettled()
        caller.resolve(outcome)
      },
      reject(error) {
        onSettled()
        caller.reject(error)
      },
    }
    this.#push(entry, pool)
    if (checkEarly !== undefined && entry.line?.order.first !== entry) this.#checkEarly(entry, checkEarly)
  }

  #push(entry: Entry, pool: Pool): void {
    const line = this.#lines.get(pool.id) ?? this.#createLine(pool)
    const wereIdle = this.areIdle
    this.#lines.set(pool.id, line)
    if (wereIdle) this.#onIdleChange(false)
    entry.pool = pool
    entry.share = pool.share
    entry.rank = pool.rank
    entry.line = line
    const displaced = line.order.displacedBy(entry, pool)
    line.push(entry)
    if (displaced === undefined || !this.#leave(displaced)) return
    this.#statsOf(pool.scope).onPushedOut()
    displaced.resolve(this.#unserved('full', displaced.request, displaced.pool))
  }

  #createLine(pool: Pool): Line<Entry> {
    const order = this.#orders.of(pool.id, pool) ?? new FirstCome<Entry>()
    const line = this.#lineOf.get(order) ?? new Line(order, this.#timers, (first) => this.#try(first))
    this.#lineOf.set(order, line)
    return line
  }

  /** Removes an entry from its line. Returns false if it has left already. */
  #leave(entry: Entry): boolean {
    const { line, pool } = entry
    if (line === undefined) return false
    entry.line = undefined
    line.remove(entry)
    const now = this.#now()
    if (pool.share !== undefined && now > entry.enteredAt) this.#statsOf(pool.scope).onWaited(pool.share, now)
    if (line.order.length === 0 && this.#lines.delete(pool.id) && this.areIdle) this.#onIdleChange(true)
    return true
  }

  async #try(entry: Entry): Promise<{ readonly retryInMs: number } | 'left'> {
    const { request } = entry
    try {
      const attempt = await this.#attempt(entry)
      if ('reason' in attempt) {
        if (this.#leave(entry)) {
          this.#statsOf(entry.pool.scope).onLate()
          entry.resolve(attempt)
        }
      } else if ('result' in attempt) {
        if (this.#leave(entry)) entry.resolve(attempt)
        else request.onLateResult(attempt.result)
      } else if (attempt.poolId === entry.pool.id) return attempt
      else this.#move(entry, poolOf(request, attempt.poolId))
    } catch (error) {
      if (this.#leave(entry)) entry.reject(error)
    }
    return 'left'
  }

  /** Makes an attempt, unless the request cannot be served in time or must wait on. */
  #attempt({ request, enteredAt }: Entry): MaybePromise<Attempt<unknown> | Unserved> {
    for (const pool of request.pools) {
      const waiting = waitingFor(pool, request)
      if (this.#lines.get(pool.id)?.order.precedes(waiting) === true) return { retryInMs: 0, poolId: pool.id }
      if (!this.#orders.mayStart(pool.id, waiting)) return { retryInMs: SLOT_POLL_MS, poolId: pool.id }
      if (pool.window === undefined) continue
      const closedMs = this.#windows.closedFor(pool.id, pool.window)
      if (closedMs !== undefined) return { retryInMs: closedMs, poolId: pool.id }
      if (pool.deadline !== undefined && this.#isLate(pool, pool.deadline, enteredAt))
        return this.#unserved('timeout', request, pool)
    }
    return request.attempt()
  }

  /** Reports whether a response would begin too late if its request was sent now. */
  #isLate({ id }: Pool, { withinMs, input }: Deadline, enteredAt: number): boolean {
    return !this.#windows.mayBegin(id, input, withinMs - (this.#now() - enteredAt))
  }

  #move(entry: Entry, pool: Pool): void {
    if (!this.#leave(entry)) return
    const { request } = entry
    if (this.#lines.get(pool.id)?.order.isFullFor(waitingFor(pool, request), pool) === true)
      entry.resolve(this.#unserved('full', request, pool))
    else this.#push(entry, pool)
  }

  async #checkEarly(entry: Entry, check: () => MaybePromise<unknown>): Promise<void> {
    try {
      const result = await check()
      if (result !== undefined && this.#leave(entry)) entry.resolve({ result })
    } catch {}
  }

  #unserved(reason: Unserved['reason'], candidate: Candidate, pool: Pool): Unserved {
    const order = this.#lines.get(pool.id)?.order
    return {
      ...{ reason, poolId: pool.id, ahead: order?.length ?? 0 },
      holdMs: this.#holdTimes.averageMs(pool.scope),
      expectedWaitMs:
        order?.expectedWaitMs(waitingFor(pool, candidate)) ??
        this.#windows.expectedWaitMs(pool.id, order?.length ?? 0),
    }
  }
}

function waitingFor({ share, rank }: Pool, { ticket, waiter }: Candidate): Waiting {
  return { ticket, waiter, share, rank }
}

/** Reports whether a request would find no place, or would certainly wait for too long. */
function isHopeless(order: Order<Entry>, waiting: Waiting, pool: Pool): boolean {
  if (order.isFullFor(waiting, pool)) return true
  return (order.expectedWaitMs(waiting) ?? 0) > WAIT_TOLERANCE * pool.timeoutMs
}

function poolOf({ pools }: Candidate, poolId: string): Pool {
  return pools.find(({ id }) => id === poolId) as Pool
}
