import type { MaybePromise } from '../maybe-promise.js'
import type { Store } from '../stores/store.js'
import { type Clock, systemClock } from '../time/clock.js'
import type { Timers } from '../time/timers.js'
import { onAborted } from './abort-listeners.js'
import { FairOrders } from './fair-orders.js'
import { FirstCome } from './first-come.js'
import { HoldTimes } from './hold-times.js'
import { Line } from './line.js'
import {
  type Attempt,
  type Candidate,
  hasLines,
  type Lines,
  lineId,
  type Outcome,
  type Pool,
  type Unserved,
  type WaitingRequest,
} from './lines.js'
import type { Order, Waiting } from './order.js'
import type { Service, Share } from './share.js'

/** The timers that end waits, and their clock. Default: the monotonic clock of the system. */
export type WaitTimers = Pick<Timers, 'start' | 'stop'> & Partial<Pick<Clock, 'now'>>

/** A request is refused on arrival if its predicted wait exceeds its timeout by this factor. */
const WAIT_TOLERANCE = 2

/** A request in one of the lines. */
interface Entry extends Waiting {
  readonly request: WaitingRequest<unknown>
  readonly resolve: (outcome: Outcome<unknown>) => void
  readonly reject: (error: unknown) => void
  /** The pool for which the request waits. */
  pool: Pool
  share: Share | undefined
  /** The line that the request is in; undefined after it has left. */
  line: Line<Entry> | undefined
}

/** The lines of requests that wait in this process. */
export class LocalLines implements Lines {
  readonly #timers: WaitTimers
  readonly #onIdleChange: (areIdle: boolean) => void
  /** The lines in which a request waits. */
  readonly #lines = new Map<string, Line<Entry>>()
  readonly #fairOrders: FairOrders<Entry>
  /** An order that outlives its line has one line again, so that there is one attempt at a time. */
  readonly #lineOf = new WeakMap<Order<Entry>, Line<Entry>>()
  readonly #holdTimes = new HoldTimes()
  #tickets = 0

  /** @param onIdleChange called when the first request begins to wait, and when the last one leaves */
  constructor(timers: WaitTimers, onIdleChange: (areIdle: boolean) => void = () => {}) {
    this.#timers = timers
    this.#onIdleChange = onIdleChange
    this.#fairOrders = new FairOrders(timers.now ?? systemClock.now)
  }

  get areIdle(): boolean {
    return this.#lines.size === 0
  }

  newTicket(): number {
    return this.#tickets++
  }

  ahead(candidate: Candidate): { readonly poolId: string; readonly isFull: boolean } | undefined {
    for (const pool of candidate.pools) {
      const order = this.#lines.get(pool.id)?.order
      if (order === undefined) continue
      const waiting = waitingFor(pool, candidate)
      if (order.precedes(waiting)) return { poolId: pool.id, isFull: order.isFullFor(waiting, pool) }
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

  begin(poolId: string, share: Share): Service {
    return this.#fairOrders.begin(poolId, share)
  }

  onFreed(scope: string, key: string, heldMs?: number): void {
    if (heldMs !== undefined) this.#holdTimes.add(scope, heldMs)
    if (this.#lines.size > 0) this.#lines.get(lineId(scope, key))?.wake()
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
      ...{ ticket, waiter, request, pool, share: pool.share, line: undefined },
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
    entry.line = line
    const displaced = line.order.displacedBy(entry, pool)
    line.push(entry)
    if (displaced !== undefined && this.#leave(displaced))
      displaced.resolve(this.#unserved('full', displaced.request, displaced.pool))
  }

  #createLine({ id, share }: Pool): Line<Entry> {
    const order = share === undefined ? new FirstCome<Entry>() : this.#fairOrders.of(id)
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
    if (line.order.length === 0 && this.#lines.delete(pool.id) && this.areIdle) this.#onIdleChange(true)
    return true
  }

  async #try(entry: Entry): Promise<{ readonly retryInMs: number } | 'left'> {
    const { request } = entry
    try {
      const attempt = await this.#attempt(entry)
      if ('result' in attempt) {
        if (this.#leave(entry)) entry.resolve(attempt)
        else request.onLateResult(attempt.result)
      } else if (attempt.poolId === entry.pool.id) return attempt
      else this.#move(entry, poolOf(request, attempt.poolId))
    } catch (error) {
      if (this.#leave(entry)) entry.reject(error)
    }
    return 'left'
  }

  /** Makes an attempt, unless another request of one of the pools comes first. */
  #attempt(entry: Entry): MaybePromise<Attempt<unknown>> {
    const ahead = this.ahead(entry.request)
    return ahead === undefined ? entry.request.attempt() : { retryInMs: 0, poolId: ahead.poolId }
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
      expectedWaitMs: order?.expectedWaitMs(waitingFor(pool, candidate)),
    }
  }
}

function waitingFor({ share }: Pool, { ticket, waiter }: Candidate): Waiting {
  return { ticket, waiter, share }
}

/** Reports whether a request would find no place, or would certainly wait for too long. */
function isHopeless(order: Order<Entry>, waiting: Waiting, pool: Pool): boolean {
  if (order.isFullFor(waiting, pool)) return true
  return (order.expectedWaitMs(waiting) ?? 0) > WAIT_TOLERANCE * pool.timeoutMs
}

function poolOf({ pools }: Candidate, poolId: string): Pool {
  return pools.find(({ id }) => id === poolId) as Pool
}

const linesByStore = new WeakMap<Store, Lines>()

/**
 * Returns the lines of the requests that wait for a store: its own, or those of this process.
 *
 * @param timers end waits if the lines are new
 */
export function linesOf(store: Store, timers: WaitTimers): Lines {
  if (hasLines(store)) return store.lines
  const lines = linesByStore.get(store) ?? new LocalLines(timers)
  linesByStore.set(store, lines)
  return lines
}
