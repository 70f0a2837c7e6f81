/** What starts something later. Handed in, so that a test can have a time of its own. */
export interface Timers {
  /** Calls back once, `milliseconds` from now. */
  start(callback: () => void, milliseconds: number): unknown
  /** Takes back what `start` gave; it does nothing where that has been called. */
  stop(timer: unknown): void
  /** Calls back once, after the input that has already arrived was read. */
  afterInput(callback: () => void): void
}

/** The timers of Node. */
export const systemTimers: Timers = {
  start: (callback, milliseconds) => setTimeout(callback, milliseconds),
  stop: (timer) => clearTimeout(timer as NodeJS.Timeout),
  afterInput: (callback) => void setImmediate(callback),
}
