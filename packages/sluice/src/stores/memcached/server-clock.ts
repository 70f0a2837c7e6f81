import type { Limit } from '../../limits/limit.js'

/** The clock that the store uses for decisions. */
export interface DecisionClock {
  /** Resolves when the clock can be read. */
  ready(): Promise<void>
  /**
   * Returns the time for a limit in milliseconds. `at` is the time of the stored state. If it was
   * written by a process whose clock is slightly ahead, this clock moves forward to `at`.
   */
  timeFor(limit: Limit, at?: number): number
  /**
   * Returns an upper bound on the server's time in milliseconds since the epoch. It is at most a
   * second and a round trip ahead.
   */
  latestServerTime(): number
  /** Reports whether a state from the time `at` suggests that this clock is wrong. */
  isSuspect(at: number): boolean
  /**
   * Forces a synchronization before the next use, because the connection may now lead to another
   * server.
   */
  invalidate(): void
}

/**
 * Clock ticks per millisecond, so a tick is about a microsecond. A power of two keeps times and
 * differences exact.
 */
export const TICKS_PER_MS = 1024

/** Time between two synchronizations, in milliseconds. */
const SYNC_INTERVAL_MS = 60_000

/**
 * Maximum lead of a state that the clock follows, in milliseconds. A larger lead means that a clock
 * was wrong.
 */
const MAX_LEAD_MS = 2000

/** Rate at which a clock loses its lead over the server, larger than the drift between machines. */
const SLOWDOWN = 2e-4

/**
 * The clock of one process, synchronized with the server's.
 *
 * Memcached reports its time in whole seconds, and only in response to `stats`. So once a minute,
 * each process estimates the offset of its own clock to within half a second and half a round trip.
 * The clocks of two processes then differ by at most a second and a round trip, regardless of the
 * system clocks.
 *
 * Stored states remove the remaining difference: a process that reads a state from a later time
 * moves its clock forward to that time. So all processes that share a key follow the clock that is
 * furthest ahead, and the time of a key never goes back. A lead shrinks slowly. Otherwise, a fleet
 * would follow its fastest clock forever.
 */
export class ServerClock implements DecisionClock {
  /** Estimated lead of the server's clock over the local one, in milliseconds. */
  #offset: number | undefined
  /** Upper bound of the lead, in milliseconds. */
  #maxOffset = 0
  #synchronizedAt = Number.NEGATIVE_INFINITY
  #synchronizing: Promise<void> | undefined
  /** Lead of this clock over the server's at `#leadSince`, in milliseconds. */
  #lead = 0
  #leadSince = 0

  /**
   * `fetchSeconds` returns the server's time in whole seconds, `localTime` a monotonic time in
   * milliseconds.
   */
  constructor(
    private readonly fetchSeconds: () => Promise<number>,
    private readonly localTime: () => number = machineTime,
  ) {}

  async ready(): Promise<void> {
    const age = this.localTime() - this.#synchronizedAt
    if (age >= 0 && age < SYNC_INTERVAL_MS) return
    this.#synchronizing ??= this.#synchronize().finally(() => {
      this.#synchronizing = undefined
    })
    return this.#synchronizing
  }

  isSuspect(at: number): boolean {
    return at - this.#timeFor(at) > MAX_LEAD_MS && this.localTime() - this.#synchronizedAt > MAX_LEAD_MS
  }

  timeFor(_limit: Limit, at?: number): number {
    return this.#timeFor(at)
  }

  #timeFor(at = 0): number {
    const local = this.localTime()
    const lead = this.#leadAt(local)
    const now = toTicks(local + (this.#offset ?? 0) + lead)
    const ahead = at - now
    if (ahead <= 0 || lead + ahead > MAX_LEAD_MS) return now
    this.#lead = lead + ahead
    this.#leadSince = local
    return at
  }

  latestServerTime(): number {
    return this.localTime() + this.#maxOffset
  }

  invalidate(): void {
    this.#synchronizedAt = Number.NEGATIVE_INFINITY
  }

  #leadAt(local: number): number {
    return Math.max(0, this.#lead - (local - this.#leadSince) * SLOWDOWN)
  }

  async #synchronize(): Promise<void> {
    const sentAt = this.localTime()
    const seconds = await this.fetchSeconds()
    const receivedAt = this.localTime()
    // The reported second had begun when the response arrived and had not ended when the query was
    // sent.
    const minOffset = seconds * 1000 - receivedAt
    const maxOffset = seconds * 1000 + 1000 - sentAt
    const middle = (minOffset + maxOffset) / 2
    const previous = this.#offset ?? middle
    const hasJumped = Math.abs(previous - middle) > maxOffset - minOffset
    this.#offset = hasJumped ? middle : Math.min(Math.max(previous, minOffset), maxOffset)
    this.#maxOffset = maxOffset
    this.#synchronizedAt = receivedAt
  }
}

/**
 * Returns milliseconds since the epoch, with fractions. Changes to the system clock have no effect.
 */
function machineTime(): number {
  return performance.timeOrigin + performance.now()
}

/** Rounds a time down to a tick. */
function toTicks(time: number): number {
  return Math.floor(time * TICKS_PER_MS) / TICKS_PER_MS
}
