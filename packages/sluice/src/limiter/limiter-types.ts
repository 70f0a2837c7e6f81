import type { Limit } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { Resource } from '../rules/rule.js'
import type { Decision, Forecast } from './decision.js'
import type { Permit } from './permit.js'

export interface AdmitOptions {
  /** Ends the wait for a slot: `admit` rejects with its reason. Only requests that wait look at it. */
  readonly signal?: AbortSignal
  /**
   * The body of the request, where rules have to wait for it. The rules that need no body are charged before it is received,
   * and what reads the body is decided afterwards, together with the slots of `concurrent` rules:
   *
   * - Refused by the first rules: `receive` is never called.
   * - Refused by the later rules: what the first ones took is given back, so that a refused request takes nothing.
   * - The body cannot be received or read: the first rules stay charged, and `admit` rejects with the error.
   */
  readonly body?: RequestBody
  /**
   * Who waits for a slot, where the request has no client: an address, for example. One client has half of the places of a
   * queue that it shares with others.
   */
  readonly waiter?: string
}

/** The body of a request that is being decided on. */
export interface RequestBody {
  /** Whether it is here already. Then everything is decided at once, in one call of the store. */
  readonly isHere: boolean
  /**
   * Receives and reads the body. It is called once at most.
   *
   * @param held what the first rules took; undefined where nothing was taken yet. Cancel it before rejecting if the client
   *   is not at fault.
   */
  receive(held: Pick<Permit, 'cancel'> | undefined): MaybePromise<void>
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
