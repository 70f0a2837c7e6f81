import type { Timers } from '../../time/timers.js'

/** An answer did not come in time. It may still come, and what was asked for may still be done. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'

  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds} ms`)
  }
}

/** What becomes of an answer that nobody waits for any more. None of these may throw. */
export interface Lateness<T> {
  /** The deadline has passed. */
  missed(): void
  /** The answer came after all. */
  answered(value: T): void
  /** It came, and was an error. */
  failed(): void
}

/**
 * The answer, or a `DeadlineError` where it takes longer than this many milliseconds.
 *
 * A process that was busy for longer than the deadline finds its timers due before it has read what arrived meanwhile.
 * So an answer that is already here when the deadline strikes is read first, and counts.
 */
export function withinDeadline<T>(
  answer: Promise<T>,
  milliseconds: number,
  timers: Timers,
  late?: Lateness<NoInfer<T>>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let state: 'waiting' | 'answered' | 'missed' = 'waiting'
    const strike = () => {
      if (state !== 'waiting') return
      state = 'missed'
      late?.missed()
      reject(new DeadlineError(milliseconds))
    }
    const timer = timers.start(() => timers.afterInput(strike), milliseconds)
    const inTime = () => {
      if (state === 'missed') return false
      state = 'answered'
      timers.stop(timer)
      return true
    }
    answer.then(
      (value) => (inTime() ? resolve(value) : late?.answered(value)),
      (error) => (inTime() ? reject(error) : late?.failed()),
    )
  })
}
