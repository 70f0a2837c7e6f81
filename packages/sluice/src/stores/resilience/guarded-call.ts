import { isCallerError } from '../caller-error.js'
import type { MaybePromise } from '../store.js'
import { StoreRequestError } from '../store-request-error.js'
import { Breaker, type BreakerState } from './breaker.js'
import { DeadlineError, type Lateness, withinDeadline } from './deadline.js'
import type { Settings } from './failure-options.js'

/** How a call is made. */
export interface Call<T> {
  readonly call: () => MaybePromise<T>
  /** What is answered where the call may not be made, failed or hung. May throw. */
  readonly instead: (cause: unknown) => T
  /** What happens should the answer be late. */
  readonly late?: () => Lateness<T>
  /** Whether an answer says that the store was asked. */
  readonly isItsOwn?: (value: T) => boolean
}

/** Calls to what may fail: each has a deadline, and a breaker says whether it is made at all. */
export class GuardedCalls {
  readonly #settings: Settings
  readonly #breaker: Breaker
  readonly #onAnswer: () => void
  #failures = 0
  #timeouts = 0
  #requestErrors = 0

  /** `onAnswer` is called whenever a call was answered. */
  constructor(settings: Settings, onAnswer: () => void) {
    this.#settings = settings
    this.#onAnswer = onAnswer
    this.#breaker = new Breaker({ ...settings, onChange: (state, cause) => this.#tell(state, cause) })
  }

  get state(): BreakerState {
    return this.#breaker.state
  }

  /** Calls that failed. */
  get failures(): number {
    return this.#failures
  }

  /** Calls that were not answered in time. */
  get timeouts(): number {
    return this.#timeouts
  }

  /** Calls that a store which works could not do. */
  get requestErrors(): number {
    return this.#requestErrors
  }

  /** Makes the call; what is answered at once is returned at once. */
  make<T>({ call, instead, late, isItsOwn }: Call<T>): MaybePromise<T> {
    const pass = this.#breaker.enter()
    if (pass === undefined) return instead(this.#breaker.cause)
    const succeeded = (value: T) => {
      if (isItsOwn?.(value) === false) {
        this.#breaker.inconclusive(pass)
        return value
      }
      this.#breaker.succeeded(pass)
      this.#onAnswer()
      return value
    }
    const failed = (error: unknown) => {
      if (isCallerError(error)) {
        this.#breaker.inconclusive(pass)
        throw error
      }
      if (error instanceof StoreRequestError) {
        // The store has answered. That it cannot decide one request is no reason to ask it nothing more.
        this.#requestErrors++
        this.#breaker.succeeded(pass)
        this.#tellRequestError(error)
        return instead(error)
      }
      this.#count(error)
      this.#breaker.failed(pass, error, error instanceof DeadlineError)
      return instead(error)
    }
    let answer: MaybePromise<T>
    try {
      answer = call()
    } catch (error) {
      return failed(error)
    }
    if (!(answer instanceof Promise)) return succeeded(answer)
    const { deadline, timers } = this.#settings
    return withinDeadline(answer, deadline, timers, late?.()).then(succeeded, failed)
  }

  #count(error: unknown): void {
    if (error instanceof DeadlineError) this.#timeouts++
    else this.#failures++
  }

  #tellRequestError(error: StoreRequestError): void {
    const { policy, onRequestError } = this.#settings
    try {
      const told: unknown = onRequestError({ policy, cause: error })
      if (told instanceof Promise) told.catch(() => {})
    } catch {
      // As for a change of state.
    }
  }

  #tell(state: 'open' | 'closed', cause: unknown): void {
    const { policy, onStateChange } = this.#settings
    try {
      const told: unknown = onStateChange({ state, policy, ...(state === 'open' && { cause }) })
      if (told instanceof Promise) told.catch(() => {})
    } catch {
      // Whoever listens decides nothing, so it can spoil nothing either.
    }
  }
}
