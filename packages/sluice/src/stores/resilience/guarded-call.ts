import { isCallerError } from '../caller-error.js'
import type { MaybePromise } from '../store.js'
import { StoreRequestError } from '../store-request-error.js'
import { Breaker, type BreakerState } from './breaker.js'
import { DeadlineError, type LateResponseHandler, withinDeadline } from './deadline.js'
import type { Settings } from './failure-options.js'

/** A call to the store, and a fallback for its result. */
export interface GuardedCall<T> {
  readonly call: () => MaybePromise<T>
  /** Returns the result if the call is not made, fails or times out. May throw. */
  readonly fallback: (cause: unknown) => T
  /** Returns the handler for a late response. */
  readonly lateHandler?: () => LateResponseHandler<T>
  /** Reports whether a result came from the store itself. By default, every result does. */
  readonly isFromStore?: (value: T) => boolean
}

/** Makes calls to the store under a deadline and a breaker, and counts failures. */
export class GuardedCalls {
  readonly #settings: Settings
  readonly #breaker: Breaker
  readonly #onResponse: () => void
  #failures = 0
  #timeouts = 0
  #requestErrors = 0

  /** `onResponse` is called after each call to which the store responded. */
  constructor(settings: Settings, onResponse: () => void) {
    this.#settings = settings
    this.#onResponse = onResponse
    this.#breaker = new Breaker({
      ...settings,
      onChange: (state, cause) => this.#notifyStateChange(state, cause),
    })
  }

  get state(): BreakerState {
    return this.#breaker.state
  }

  /** Number of failed calls, excluding timeouts and request errors. */
  get failures(): number {
    return this.#failures
  }

  /** Number of calls that timed out. */
  get timeouts(): number {
    return this.#timeouts
  }

  /** Number of calls that failed with a `StoreRequestError`. */
  get requestErrors(): number {
    return this.#requestErrors
  }

  /** Makes a call. A synchronous result is returned synchronously. */
  make<T>({ call, fallback, lateHandler, isFromStore }: GuardedCall<T>): MaybePromise<T> {
    const pass = this.#breaker.enter()
    if (pass === undefined) return fallback(this.#breaker.cause)
    const onSuccess = (value: T) => {
      if (isFromStore?.(value) === false) {
        this.#breaker.recordInconclusive(pass)
        return value
      }
      this.#breaker.recordSuccess(pass)
      this.#onResponse()
      return value
    }
    const onFailure = (error: unknown) => {
      if (isCallerError(error)) {
        this.#breaker.recordInconclusive(pass)
        throw error
      }
      if (error instanceof StoreRequestError) {
        // The store responded; other requests can still be decided.
        this.#requestErrors++
        this.#breaker.recordSuccess(pass)
        this.#notifyRequestError(error)
        return fallback(error)
      }
      const isTimeout = error instanceof DeadlineError
      if (isTimeout) this.#timeouts++
      else this.#failures++
      this.#breaker.recordFailure(pass, error, isTimeout)
      return fallback(error)
    }
    let response: MaybePromise<T>
    try {
      response = call()
    } catch (error) {
      return onFailure(error)
    }
    if (!(response instanceof Promise)) return onSuccess(response)
    const { deadline, timers } = this.#settings
    return withinDeadline(response, deadline, timers, lateHandler?.()).then(onSuccess, onFailure)
  }

  #notifyRequestError(error: StoreRequestError): void {
    const { policy, onRequestError } = this.#settings
    notify(() => onRequestError({ policy, cause: error }))
  }

  #notifyStateChange(state: 'open' | 'closed', cause: unknown): void {
    const { policy, onStateChange } = this.#settings
    notify(() => onStateChange({ state, policy, ...(state === 'open' && { cause }) }))
  }
}

/** Calls a listener and ignores its errors, including rejected promises. */
function notify(listener: () => unknown): void {
  try {
    const result = listener()
    if (result instanceof Promise) result.catch(() => {})
  } catch {
    // A listener must not affect decisions.
  }
}
