import type { State } from '../../limits/algorithm.js'
import { adapt, algorithmOf } from '../../limits/algorithms.js'
import { countAlike, type Limit, sameLimit, usesWallTime } from '../../limits/limit.js'
import type { DecisionClock } from './server-time.js'
import type { Stored } from './value.js'

/** What a key holds while a round of calls is decided: read once, changed by each call in turn, written once. */
export class WorkingState {
  #held: { limit: Limit; state: State } | undefined
  #changed = false
  #now: number | undefined
  #wallTime: number | undefined

  /** `size`: bytes of the value that was read, and then about those of the one to be written. */
  constructor(
    private readonly clock: DecisionClock,
    stored: Stored | undefined,
    public size: number,
  ) {
    if (stored === undefined) return
    const { limit, state } = stored
    const now = this.#time(limit, state.at)
    // The time of a clock that was set back has to be kept, whatever is decided.
    this.#changed = now < state.at
    this.#held = { limit, state: algorithmOf(limit).advance(limit, state, now) }
  }

  /** Under which limit the state is counted; none where nothing is known of the key. */
  get limit(): Limit | undefined {
    return this.#held?.limit
  }

  /**
   * The state now, as this limit sees it. Where it counts another way that is an estimate, which changes nothing; the state itself
   * goes on under the limit that counted it.
   */
  seen(limit: Limit): State {
    const held = this.#held
    if (held === undefined || countAlike(held.limit, limit)) return this.under(limit)
    return adapt(held.state, held.limit, limit, this.#time(limit))
  }

  /** The state now, counted under this limit from now on. */
  under(limit: Limit): State {
    const now = this.#time(limit)
    if (this.#held === undefined) return algorithmOf(limit).fresh(limit, now)
    const { limit: before, state } = this.#held
    if (!sameLimit(before, limit)) {
      this.#held = { limit, state: adapt(state, before, limit, now) }
      this.#changed = true
    }
    return this.#held.state
  }

  keep(limit: Limit, state: State): void {
    this.#held = { limit, state }
    this.#changed = true
  }

  /** What has to be written; none where nothing was changed. */
  get changed(): Stored | undefined {
    return this.#changed ? this.#held : undefined
  }

  /** One time for the whole round. */
  #time(limit: Limit, at?: number): number {
    if (usesWallTime(limit)) {
      this.#wallTime ??= this.clock.timeFor(limit, at)
      return this.#wallTime
    }
    this.#now ??= this.clock.timeFor(limit, at)
    return this.#now
  }
}
