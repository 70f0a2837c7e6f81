import type { Clock } from '../../time/clock.js'

/**
 * `closed`: calls go through. `open`: none does. `half-open`: one does, the probe, and what becomes of it decides.
 */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** The first probe comes at most this long after the breaker opened, in milliseconds. */
const FIRST_PROBE = 100
/** No probe comes later than this after the one before it has failed, in milliseconds. */
export const MAX_PROBE = 500

export interface BreakerOptions {
  /** So many failures one after the other open it. A call that hangs opens it alone. */
  readonly failures: number
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  /** Called when the breaker opens, and when it closes; not for a probe that fails. */
  readonly onChange: (state: 'open' | 'closed', cause: unknown) => void
}

/** Lets a call through. What became of the call is told with it. */
export type Pass = number

/**
 * Keeps calls away from what does not answer.
 *
 * Probes come after 100 ms, then after twice as long each time, up to half a second; each wait is shortened by up to half,
 * at random, so that a fleet does not knock all at once. A probe is an ordinary call: where none comes, none is made.
 */
export class Breaker {
  readonly #options: BreakerOptions
  #state: BreakerState = 'closed'
  /** Passes of before the last change of state say nothing about how things are now. */
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

  /** Why it is not closed. */
  get cause(): unknown {
    return this.#cause
  }

  /** A pass where the call may be made; undefined where it may not. */
  enter(): Pass | undefined {
    if (this.#state === 'closed') return this.#pass
    if (this.#state === 'half-open' || this.#isTooEarly()) return undefined
    this.#state = 'half-open'
    return ++this.#pass
  }

  /** The call was answered. */
  succeeded(pass: Pass): void {
    if (pass !== this.#pass) return
    this.#failures = 0
    if (this.#state !== 'half-open') return
    this.#state = 'closed'
    this.#pass++
    this.#failedProbes = 0
    this.#cause = undefined
    this.#options.onChange('closed', undefined)
  }

  /** The call failed, or it hung. */
  failed(pass: Pass, cause: unknown, hung: boolean): void {
    if (pass !== this.#pass) return
    this.#failures++
    if (this.#state === 'closed' && !hung && this.#failures < this.#options.failures) return
    const wasClosed = this.#state === 'closed'
    if (!wasClosed) this.#failedProbes++
    this.#cause = cause
    this.#open()
    if (wasClosed) this.#options.onChange('open', cause)
  }

  /** The call says nothing about who was called. A probe is made again by the next call. */
  inconclusive(pass: Pass): void {
    if (pass !== this.#pass || this.#state !== 'half-open') return
    this.#state = 'open'
    this.#pass++
  }

  #open(): void {
    const longest = Math.min(MAX_PROBE, FIRST_PROBE * 2 ** this.#failedProbes)
    this.#state = 'open'
    this.#pass++
    this.#failures = 0
    this.#probeAt = this.#options.clock.now() + longest * (1 - this.#options.random() / 2)
  }

  #isTooEarly(): boolean {
    const wait = this.#probeAt - this.#options.clock.now()
    // A clock that was set back keeps nobody waiting for longer than the longest wait.
    return wait > 0 && wait <= MAX_PROBE
  }
}
