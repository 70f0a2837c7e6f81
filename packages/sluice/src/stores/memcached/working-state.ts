import type { State } from '../../algorithms/algorithm.js'
import { nextPenalty, type Penalty, penaltyLeft } from '../../algorithms/penalty.js'
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
import type { KeyState } from './codec.js'
import type { DecisionClock } from './server-clock.js'

/** A limit with the clock of penalties. */
const PENALTY_CLOCK: Limit = { algorithm: 'token-bucket', limit: 1, period: 1, burst: 1 }

/** The state of a key during a round: read once, changed by each update in turn, written once. */
export class WorkingState {
  #counts: readonly Count[]
  #penalties: readonly Count[]
  #changed = false
  #now: number | undefined
  #wallTime: number | undefined

  /** `size` is the size of the value in bytes, updated by estimates as charges are taken. */
  constructor(
    private readonly clock: DecisionClock,
    { counts, penalties }: KeyState,
    public size: number,
  ) {
    for (const { limit, state } of counts) this.#timeAfter(limit, state.at)
    for (const { limit, state } of penalties) this.#timeAfter(limit, state.at)
    this.#counts = countsNow(counts, this.#timeFor)
    this.#penalties = countsNow(penalties, this.#timeFor)
    this.#changed = isClockSetBack(counts, this.#timeFor) || isClockSetBack(penalties, this.#timeFor)
  }

  /** Returns the current state under a limit, without changing it. */
  stateFor(limit: Limit): State {
    return stateUnder(limit, this.#counts, this.#timeFor)
  }

  take(limit: Limit, cost: number, lease: string): void {
    this.#counts = countsAfterTake(limit, this.#counts, cost, lease, this.#timeFor)
    this.#changed = true
  }

  /** Milliseconds until the penalty of the key ends; 0 if none runs. */
  get penaltyLeft(): number {
    return penaltyLeft(this.#penalties, this.#timeFor(PENALTY_CLOCK))
  }

  /** Starts the penalty of the key unless one runs. Returns the milliseconds until it ends. */
  startPenalty(penalty: Penalty): number {
    const left = this.penaltyLeft
    if (left > 0) return left
    const { limit, cost } = nextPenalty(penalty, this.#penalties, this.#timeFor(PENALTY_CLOCK))
    this.#penalties = countsAfterTake(limit, this.#penalties, cost, '', this.#timeFor)
    this.#changed = true
    return limit.limit
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

  /** The state to write; undefined if nothing has changed. */
  get changed(): KeyState | undefined {
    if (!this.#changed) return undefined
    const isPenalized = countsIdleAfter(this.#penalties, this.#timeFor) > 0
    return { counts: this.#counts, penalties: isPenalized ? this.#penalties : [] }
  }

  /** Milliseconds until no usage and no penalty is left. */
  get idleAfter(): number {
    const untilUnused = countsIdleAfter(this.#counts, this.#timeFor)
    return Math.max(untilUnused, countsIdleAfter(this.#penalties, this.#timeFor))
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
