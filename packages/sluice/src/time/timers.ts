/** Schedules callbacks. Tests and replays pass their own. */
export interface Timers {
  /**
   * Calls `callback` once, `milliseconds` from now.
   *
   * @param background whether the process may exit before the callback
   */
  start(callback: () => void, milliseconds: number, background?: boolean): unknown
  /** Cancels a timer that `start` returned. Has no effect after the callback. */
  stop(timer: unknown): void
  /** Calls `callback` once, after pending input has been read. */
  afterInput(callback: () => void): void
}

/** The longest delay of a Node timer, in milliseconds. A longer one fires immediately. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** A delay longer than `MAX_TIMEOUT_MS`, split into consecutive timers. */
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

/** Node's timers, for delays of any length. */
export const systemTimers: Timers = {
  start(callback, milliseconds, background = false) {
    return milliseconds > MAX_TIMEOUT_MS
      ? new LongTimer(callback, background).wait(milliseconds)
      : nodeTimer(callback, milliseconds, background)
  },
  stop: (timer) => clearTimeout(timer instanceof LongTimer ? timer.current : (timer as NodeJS.Timeout)),
  afterInput: (callback) => void setImmediate(callback),
}
