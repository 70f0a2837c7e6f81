import type { State } from '../../algorithms/algorithm.js'
import {
  type Count,
  countsAfterSettlement,
  countsAfterTake,
  countsIdleAfter,
  countsNow,
  isClockSetBack,
  stateUnder,
} from '../../algorithms/usage-counts.js'
import type { Taken } from '../../algorithms/verdict.js'
import { type Limit, usesWallTime } from '../../limits/limit.js'
import type { DecisionClock } from './server-clock.js'

/** What a key holds while a round of calls is decided: read once, changed by each call in turn, written once. */
export class WorkingState {
  #counts: readonly Count[]
  #changed = false
  #now: number | undefined
  #wallTime: number | undefined

  /** `size`: bytes of the value that was read, and then about those of the one to be written. */
  constructor(
    private readonly clock: DecisionClock,
    stored: readonly Count[],
    public size: number,
  ) {
    for (const { limit, state } of stored) this.#timeAfter(limit, state.at)
    this.#counts = countsNow(stored, this.#timeFor)
    this.#changed = isClockSetBack(stored, this.#timeFor)
  }

  /** The state now, as this limit sees it. Changes nothing. */
  seen(limit: Limit): State {
    return stateUnder(limit, this.#counts, this.#timeFor)
  }

  take(limit: Limit, cost: number, lease: string): void {
    this.#counts = countsAfterTake(limit, this.#counts, cost, lease, this.#timeFor)
    this.#changed = true
  }

  /** Lets a charge that was taken count another cost from now on. */
  settle(limit: Limit, taken: Taken, cost: number): void {
    // Where nothing is known of the key there is nothing to give back, and no need to write.
    if (this.#counts.length === 0 && cost <= taken.cost && limit.algorithm !== 'concurrency') return
    this.#counts = countsAfterSettlement(limit, this.#counts, taken, cost, this.#timeFor)
    this.#changed = true
  }

  /** Whether what is taken becomes an entry of a log, whatever the limit. */
  get keepsLog(): boolean {
    return this.#counts.some(({ limit }) => limit.algorithm === 'sliding-log')
  }

  /** What has to be written; undefined where nothing was changed. */
  get changed(): readonly Count[] | undefined {
    return this.#changed ? this.#counts : undefined
  }

  /** Milliseconds until the key says no more than none would. */
  get idleAfter(): number {
    return countsIdleAfter(this.#counts, this.#timeFor)
  }

  readonly #timeFor = (limit: Limit): number => this.#timeAfter(limit)

  /** One time for the whole round. */
  #timeAfter(limit: Limit, at?: number): number {
    if (usesWallTime(limit)) {
      this.#wallTime ??= this.clock.timeFor(limit, at)
      return this.#wallTime
    }
    this.#now ??= this.clock.timeFor(limit, at)
    return this.#now
  }
}
