import type { Limit } from '../../limits/limit.js'

/** What the store decides by. */
export interface DecisionClock {
  /** Has to have settled before the time is asked for. */
  ready(): Promise<void>
  /**
   * Milliseconds, for a limit whose state was last brought up to `at`. Where another process that is barely ahead
   * wrote it, this clock moves up to that.
   */
  timeFor(limit: Limit, at?: number): number
  /**
   * The latest that the server's time can be, in milliseconds since the epoch: never behind it, and ahead of it by a
   * second and a round trip at most.
   */
  latestServerTime(): number
  /** Whether a state that was brought up to `at` says that this clock is wrong, unless it was set a moment ago. */
  doubts(at: number): boolean
  /** Has the clock set again before it is used; where the connection broke, the server may be another one now. */
  mistrust(): void
}

/** The unit of the clock, about a microsecond. A power of two, so that times and their differences are exact. */
export const TICKS_PER_MS = 1024

/** How long what was learnt is good for, in milliseconds. */
const LEARN_AGAIN_AFTER = 60_000

/** A state that is dated later by more than this, in milliseconds, is not followed: a clock was wrong. */
const MAX_LEAD = 2000

/** How much slower a clock goes that is ahead of the server: more than clocks of machines differ. */
const SLOWDOWN = 2e-4

/**
 * The clock of one process, set by the server's.
 *
 * Memcached tells its time in whole seconds (`stats`), and not with every answer. So each process learns by how much
 * its own clock is off, to within half a second and half a round trip, and looks again every minute. The clocks of
 * two processes are thus at most a second and a round trip apart, whatever those of their machines say.
 *
 * What is left is evened out by the states themselves: a process that reads one which is dated later than its own now
 * moves its clock up to it. So all that meet on a key follow the one that is furthest ahead, and time never goes back
 * on a key. What is ahead falls back slowly, or a fleet would follow its fastest clock for ever.
 */
export class ServerTime implements DecisionClock {
  /** What the server's clock is ahead of this machine's, in milliseconds. */
  #offset: number | undefined
  /** The most that this can be. */
  #mostOffset = 0
  #learntAt = Number.NEGATIVE_INFINITY
  #learning: Promise<void> | undefined
  /** What this clock was ahead of the server's at `#leadSince`. */
  #lead = 0
  #leadSince = 0

  /** `ask`: the server's time in whole seconds. `own`: this machine's in milliseconds, which never goes back. */
  constructor(
    private readonly ask: () => Promise<number>,
    private readonly own: () => number = machineTime,
  ) {}

  async ready(): Promise<void> {
    const age = this.own() - this.#learntAt
    if (age >= 0 && age < LEARN_AGAIN_AFTER) return
    this.#learning ??= this.#learn().finally(() => {
      this.#learning = undefined
    })
    return this.#learning
  }

  doubts(at: number): boolean {
    return at - this.#timeFor(at) > MAX_LEAD && this.own() - this.#learntAt > MAX_LEAD
  }

  timeFor(_limit: Limit, at?: number): number {
    return this.#timeFor(at)
  }

  #timeFor(at = 0): number {
    const own = this.own()
    const lead = this.#leadAt(own)
    const now = ticked(own + (this.#offset ?? 0) + lead)
    const ahead = at - now
    if (ahead <= 0 || lead + ahead > MAX_LEAD) return now
    this.#lead = lead + ahead
    this.#leadSince = own
    return at
  }

  latestServerTime(): number {
    return this.own() + this.#mostOffset
  }

  mistrust(): void {
    this.#learntAt = Number.NEGATIVE_INFINITY
  }

  #leadAt(own: number): number {
    return Math.max(0, this.#lead - (own - this.#leadSince) * SLOWDOWN)
  }

  async #learn(): Promise<void> {
    const asked = this.own()
    const seconds = await this.ask()
    const answered = this.own()
    // The second had begun when the answer came, and was not over when the question went.
    const least = seconds * 1000 - answered
    const most = seconds * 1000 + 1000 - asked
    const middle = (least + most) / 2
    const known = this.#offset ?? middle
    const jumped = Math.abs(known - middle) > most - least
    this.#offset = jumped ? middle : Math.min(Math.max(known, least), most)
    this.#mostOffset = most
    this.#learntAt = answered
  }
}

/** Milliseconds since the epoch, with fractions; setting the machine's date does not change it. */
function machineTime(): number {
  return performance.timeOrigin + performance.now()
}

function ticked(time: number): number {
  return Math.floor(time * TICKS_PER_MS) / TICKS_PER_MS
}
