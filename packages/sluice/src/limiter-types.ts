import type { Decision, Forecast } from './decision.js'
import type { Limit } from './limits/limit.js'
import type { MaybePromise } from './maybe-promise.js'
import type { Resource } from './policy/rule.js'

export interface AdmitOptions {
  /** Ends the wait for a slot: `admit` rejects with its reason. Only requests that wait look at it. */
  readonly signal?: AbortSignal
}

/** A rule of a limiter, a limit each. */
export interface LimiterRule {
  readonly name: string
  /** Its place in the `rules` that the limiter was made of. */
  readonly index: number
  readonly resource: Resource
  /** What the state of its keys is kept under: with it and a key a store can be asked. */
  readonly scope: string
  /** Whether it counts together with the rules of this name in other limiters. */
  readonly shared: boolean
  /** `false` for a shadow rule. */
  readonly enforce: boolean
  /** What it is for a client without a tier, warm-up left aside; undefined where it is another one for each request. */
  readonly limit: Limit | undefined
}

/** Decides which requests may run. */
export interface Limiter<Request> {
  /** What it decides by, in the order of the rules; one rule of several limits is several. */
  readonly rules: readonly LimiterRule[]
  /**
   * Decides on a request and takes what it costs, at once: from every rule or from none. With the memory store the answer
   * is a decision and no promise of one, unless the request waits for a slot, or who its client is takes a while to find out.
   *
   * @throws RequestError where the request lacks what a rule needs to weigh it, or may not be made; whatever the rules' own
   *   functions throw; what the store throws. A shadow rule whose function throws is left out instead.
   */
  admit(request: Request, options?: AdmitOptions): MaybePromise<Decision>
  /** What `admit` would say now. Takes nothing, and does not wait. */
  peek(request: Request): MaybePromise<Forecast>
  /** Forgets what the keys of this request have used, in every rule. */
  reset(request: Request): MaybePromise<void>
  /** Closes the store that the limiter made for itself; one that was handed in is left to its owner. */
  close(): MaybePromise<void>
}
