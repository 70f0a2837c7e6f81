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

/** The longest time that a timer of Node can wait, in milliseconds; it fires at once for more. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** A time that is waited for in several timers, one after the other. */
class LongTimer {
  current: NodeJS.Timeout | undefined

  constructor(
    private readonly callback: () => void,
    private readonly background: boolean,
  ) {}

  wait(milliseconds: number): this {
    const left = milliseconds - MAX_TIMEOUT_MS
    this.current = nodeTimer(
      left > 0 ? () => void this.wait(left) : this.callback,
      Math.min(milliseconds, MAX_TIMEOUT_MS),
      this.background,
    )
    return this
  }
}

function nodeTimer(callback: () => void, milliseconds: number, background: boolean): NodeJS.Timeout {
  const timer = setTimeout(callback, milliseconds)
  return background ? timer.unref() : timer
}

/** The timers of Node, for any length of time. */
export const systemTimers: Timers = {
  start(callback, milliseconds, background = false) {
    return milliseconds > MAX_TIMEOUT_MS
      ? new LongTimer(callback, background).wait(milliseconds)
      : nodeTimer(callback, milliseconds, background)
  },
  stop: (timer) => clearTimeout(timer instanceof LongTimer ? timer.current : (timer as NodeJS.Timeout)),
  afterInput: (callback) => void setImmediate(callback),
}
