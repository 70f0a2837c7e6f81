import type { Clock } from '../../time/clock.js'

/**
 * State of a breaker. `closed`: all calls are made. `open`: no call is made. `half-open`: a single
 * call, the probe, is in flight, and its result closes or reopens the breaker.
 */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** Delay from opening to the first probe, before jitter, in milliseconds. */
const FIRST_PROBE_DELAY_MS = 100
/** Maximum delay from a failed probe to the next one, in milliseconds. */
export const MAX_PROBE_DELAY_MS = 500

export interface BreakerOptions {
  /** Number of consecutive failures that open the breaker. A single timeout opens it too. */
  readonly failures: number
  readonly clock: Clock
  /** Returns a number from 0 up to, but not including, 1. */
  readonly random: () => number
  /** Called when the breaker opens and when it closes, but not for a failed probe. */
  readonly onChange: (state: 'open' | 'closed', cause: unknown) => void
}

/**
 * Identifies the state in which the breaker admitted a call. Passed back with the result of the
 * call.
 */
export type Pass = number

/**
 * Stops calls to a service that does not respond.
 *
 * The first probe is sent after 100 ms. The delay doubles with each failed probe, up to half a
 * second. Each delay is shortened at random by up to half, so that the processes of a fleet do not
 * all probe at the same time. Probes are ordinary calls, so an idle process does not probe.
 */
export class Breaker {
  readonly #options: BreakerOptions
  #state: BreakerState = 'closed'
  /** Changes with every state transition. Results of calls from an earlier state are ignored. */
  #pass: Pass = 0
  #failures = 0
  #failedProbes = 0
  #probeAt = 0
  #cause: unknown

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  get state(): BreakerState {
    return this.#state
  }

  /** The error that opened the breaker; undefined while it is closed. */
  get cause(): unknown {
    return this.#cause
  }

  /** Returns a pass if a call may be made, else undefined. */
  enter(): Pass | undefined {
    if (this.#state === 'closed') return this.#pass
    if (this.#state === 'half-open' || this.#isTooEarly()) return undefined
    this.#state = 'half-open'
    return ++this.#pass
  }

  /** Records that the service responded. */
  recordSuccess(pass: Pass): void {
    if (pass !== this.#pass) return
    this.#failures = 0
    if (this.#state !== 'half-open') return
    this.#state = 'closed'
    this.#pass++
    this.#failedProbes = 0
    this.#cause = undefined
    this.#options.onChange('closed', undefined)
  }

  /** Records that the call failed or timed out. */
  recordFailure(pass: Pass, cause: unknown, isTimeout: boolean): void {
    if (pass !== this.#pass) return
    this.#failures++
    if (this.#state === 'closed' && !isTimeout && this.#failures < this.#options.failures) return
    const wasClosed = this.#state === 'closed'
    if (!wasClosed) this.#failedProbes++
    this.#cause = cause
    this.#open()
    if (wasClosed) this.#options.onChange('open', cause)
  }

  /**
   * Records that the result of a call reveals nothing about the service. After a probe, the next
   * call becomes the probe.
   */
  recordInconclusive(pass: Pass): void {
    if (pass !== this.#pass || this.#state !== 'half-open') return
    this.#state = 'open'
    this.#pass++
  }

  #open(): void {
    const maxDelayMs = Math.min(MAX_PROBE_DELAY_MS, FIRST_PROBE_DELAY_MS * 2 ** this.#failedProbes)
    this.#state = 'open'
    this.#pass++
    this.#failures = 0
    this.#probeAt = this.#options.clock.now() + maxDelayMs * (1 - this.#options.random() / 2)
  }

  #isTooEarly(): boolean {
    const waitMs = this.#probeAt - this.#options.clock.now()
    // A longer wait means that the clock was set back. The probe is then due immediately.
    return waitMs > 0 && waitMs <= MAX_PROBE_DELAY_MS
  }
}
