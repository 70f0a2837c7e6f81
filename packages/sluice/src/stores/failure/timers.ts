/** What starts something later. Handed in, so that a test can have a time of its own. */
export interface Timers {
  /**
   * Calls back once, `milliseconds` from now.
   *
   * @param background whether it alone keeps no process alive
   */
  start(callback: () => void, milliseconds: number, background?: boolean): unknown
  /** Takes back what `start` gave; it does nothing where that has been called. */
  stop(timer: unknown): void
  /** Calls back once, after the input that has already arrived was read. */
  afterInput(callback: () => void): void
}

/** The timers of Node. */
export const systemTimers: Timers = {
  start(callback, milliseconds, background = false) {
    const timer = setTimeout(callback, milliseconds)
    return background ? timer.unref() : timer
  },
  stop: (timer) => clearTimeout(timer as NodeJS.Timeout),
  afterInput: (callback) => void setImmediate(callback),
}
