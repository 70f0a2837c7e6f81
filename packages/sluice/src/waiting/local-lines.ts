import type { MaybePromise } from '../maybe-promise.js'
import type { Store } from '../stores/store.js'
import type { Timers } from '../time/timers.js'
import { onAborted } from './abort-listeners.js'
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
import type { Waiting } from './order.js'

/** A request in one of the lines. */
interface Entry extends Waiting {
  readonly request: WaitingRequest<unknown>
  readonly resolve: (outcome: Outcome<unknown>) => void
  readonly reject: (error: unknown) => void
  /** The pool for which the request waits. */
  pool: Pool
  /** The line that the request is in; undefined after it has left. */
  line: Line<Entry> | undefined
}

/** The lines of requests that wait in this process. */
export class LocalLines implements Lines {
  readonly #timers: Pick<Timers, 'start' | 'stop'>
  /** The lines in which a request waits. */
  readonly #lines = new Map<string, Line<Entry>>()
  readonly #holdTimes = new HoldTimes()
  #tickets = 0

  constructor(timers: Pick<Timers, 'start' | 'stop'>) {
    this.#timers = timers
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
      if (order?.precedes(candidate) === true)
        return { poolId: pool.id, isFull: order.isFullFor(candidate, pool) }
    }
    return undefined
  }

  enter<T>(request: WaitingRequest<T>, poolId: string, minWaitMs: number): MaybePromise<Outcome<T>> {
    const pool = poolOf(request, poolId)
    const line = this.#lines.get(poolId)
    if (line === undefined && minWaitMs > pool.timeoutMs) return this.#unserved('late', pool)
    if (line?.order.isFullFor(request, pool) === true) return this.#unserved('full', pool)
    return new Promise((resolve, reject) => {
      this.#join(request as WaitingRequest<unknown>, pool, {
        resolve: resolve as (outcome: Outcome<unknown>) => void,
        reject,
      })
    })
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
      if (this.#leave(entry)) entry.resolve(this.#unserved('timeout', entry.pool))
    }, pool.timeoutMs)
    const onSettled = () => {
      this.#timers.stop(timeout)
      unsubscribe?.()
    }
    const entry: Entry = {
      ...{ ticket, waiter, request, pool, line: undefined },
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
    const line =
      this.#lines.get(pool.id) ?? new Line(new FirstCome<Entry>(), this.#timers, (first) => this.#try(first))
    this.#lines.set(pool.id, line)
    entry.pool = pool
    entry.line = line
    line.push(entry)
  }

  /** Removes an entry from its line. Returns false if it has left already. */
  #leave(entry: Entry): boolean {
    const { line, pool } = entry
    if (line === undefined) return false
    entry.line = undefined
    line.remove(entry)
    if (line.order.length === 0) this.#lines.delete(pool.id)
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
    if (this.#lines.get(pool.id)?.order.isFullFor(entry, pool) === true)
      entry.resolve(this.#unserved('full', pool))
    else this.#push(entry, pool)
  }

  async #checkEarly(entry: Entry, check: () => MaybePromise<unknown>): Promise<void> {
    try {
      const result = await check()
      if (result !== undefined && this.#leave(entry)) entry.resolve({ result })
    } catch {}
  }

  #unserved(reason: Unserved['reason'], pool: Pool): Unserved {
    const ahead = this.#lines.get(pool.id)?.order.length ?? 0
    return { reason, poolId: pool.id, ahead, holdMs: this.#holdTimes.averageMs(pool.scope) }
  }
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
export function linesOf(store: Store, timers: Pick<Timers, 'start' | 'stop'>): Lines {
  if (hasLines(store)) return store.lines
  const lines = linesByStore.get(store) ?? new LocalLines(timers)
  linesByStore.set(store, lines)
  return lines
}
