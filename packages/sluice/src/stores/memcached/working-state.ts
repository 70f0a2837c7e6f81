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
import { type Limit, usesWallTime } from '../../limits/limit.js'
import { addsUsage, type Settlement } from '../store.js'
import type { DecisionClock } from './server-clock.js'

/** The state of a key during a round: read once, changed by each update in turn, written once. */
export class WorkingState {
  #counts: readonly Count[]
  #changed = false
  #now: number | undefined
  #wallTime: number | undefined

  /** `size` is the size of the value in bytes, updated by estimates as charges are taken. */
  constructor(
    private readonly clock: DecisionClock,
    stored: readonly Count[],
    public size: number,
  ) {
    for (const { limit, state } of stored) this.#timeAfter(limit, state.at)
    this.#counts = countsNow(stored, this.#timeFor)
    this.#changed = isClockSetBack(stored, this.#timeFor)
  }

  /** Returns the current state under a limit, without changing it. */
  stateFor(limit: Limit): State {
    return stateUnder(limit, this.#counts, this.#timeFor)
  }

  take(limit: Limit, cost: number, lease: string): void {
    this.#counts = countsAfterTake(limit, this.#counts, cost, lease, this.#timeFor)
    this.#changed = true
  }

  settle(settlement: Settlement): void {
    if (this.#counts.length === 0 && !addsUsage(settlement)) return
    const { charge, taken, cost } = settlement
    this.#counts = countsAfterSettlement(charge.limit, this.#counts, taken, cost, this.#timeFor)
    this.#changed = true
  }

  /** Reports whether the key has a sliding log, so that a take under any limit adds a log entry. */
  get hasLog(): boolean {
    return this.#counts.some(({ limit }) => limit.algorithm === 'sliding-log')
  }

  /** The counts to write; undefined if nothing has changed. */
  get changed(): readonly Count[] | undefined {
    return this.#changed ? this.#counts : undefined
  }

  /** Milliseconds until no usage is left. */
  get idleAfter(): number {
    return countsIdleAfter(this.#counts, this.#timeFor)
  }

  readonly #timeFor = (limit: Limit): number => this.#timeAfter(limit)

  /** Returns the time of the round, read once per kind of clock. */
  #timeAfter(limit: Limit, at?: number): number {
    if (usesWallTime(limit)) {
      this.#wallTime ??= this.clock.timeFor(limit, at)
      return this.#wallTime
    }
    this.#now ??= this.clock.timeFor(limit, at)
    return this.#now
  }
}
