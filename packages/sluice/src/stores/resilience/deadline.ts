import type { Timers } from '../../time/timers.js'

/**
 * Thrown when a response does not arrive in time. It may still arrive, and the operation may still
 * take effect.
 */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'

  constructor(milliseconds: number) {
    super(`no response within ${milliseconds} ms`)
  }
}

/** Handles a response that misses its deadline. None of the methods may throw. */
export interface LateResponseHandler<T> {
  /** Called when the deadline has passed. */
  onTimeout(): void
  /** Called when the response arrives after the deadline. */
  onValue(value: T): void
  /** Called when an error arrives after the deadline. */
  onError(): void
}

/**
 * Resolves with the response, or rejects with a `DeadlineError` if it takes longer than
 * `milliseconds`.
 *
 * If the process was busy for longer than the deadline, the timer fires before the socket is read.
 * A response that has already reached the socket at the deadline therefore still counts.
 */
export function withinDeadline<T>(
  response: Promise<T>,
  milliseconds: number,
  timers: Timers,
  late?: LateResponseHandler<NoInfer<T>>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let state: 'pending' | 'settled' | 'timed-out' = 'pending'
    const expire = () => {
      if (state !== 'pending') return
      state = 'timed-out'
      late?.onTimeout()
      reject(new DeadlineError(milliseconds))
    }
    const timer = timers.start(() => timers.afterInput(expire), milliseconds)
    const isInTime = () => {
      if (state === 'timed-out') return false
      state = 'settled'
      timers.stop(timer)
      return true
    }
    response.then(
      (value) => (isInTime() ? resolve(value) : late?.onValue(value)),
      (error) => (isInTime() ? reject(error) : late?.onError()),
    )
  })
}
