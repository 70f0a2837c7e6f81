/** A source of time. Tests, replays and stores pass their own. */
export interface Clock {
  /** Returns milliseconds since a fixed moment, with fractions. Used for rates. */
  now(): number
  /** Returns milliseconds since the epoch. Used for calendar windows only. */
  wallTime(): number
}

/** The monotonic system clock. Changing the system date does not affect rates. */
export const systemClock: Clock = {
  // Reads the global on each call, because the fake timers of test runners replace it.
  now: () => performance.now(),
  wallTime: () => Date.now(),
}

/** A clock whose time changes only through its methods. */
export interface ManualClock extends Clock {
  /** Advances the time by a number of milliseconds, which may be negative. */
  advance(milliseconds: number): void
  /** Sets the time, in milliseconds since the epoch. */
  set(time: number): void
}

/** Creates a clock for tests and replays. `now` and `wallTime` return the same time. */
export function manualClock(start = 0): ManualClock {
  let time = start
  return {
    now: () => time,
    wallTime: () => time,
    advance(milliseconds) {
      time += milliseconds
    },
    set(to) {
      time = to
    },
  }
}
