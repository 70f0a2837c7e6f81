import type { Decision, Forecast } from '../limiter/decision.js'
import type { UsageOptions } from '../limiter/limiter-types.js'
import type { Usage } from '../limiter/usage.js'

/**
 * The methods of a limit in every adapter, for handlers that decide by hand.
 *
 *     const logins = limit({ rules: [{ limit: '5/hour' }] })
 *     app.post('/login', async (request, response) => {
 *       if (!(await logins.peek(request)).allowed) return response.sendStatus(429)
 *       if (!(await isPassword(request.body))) await logins.charge(request, 1)
 *       …
 *     })
 *
 * They reject with the errors of the options' functions and of the store. The limit does not respond
 * to the request.
 *
 * @typeParam Context the arguments of a `fetch` handler after the request. They may be omitted inside
 *   a handler that the limit wraps.
 */
export interface LimitMethods<Request, Context extends readonly unknown[] = []> {
  /**
   * Decides on a request and charges it, like the middleware, but leaves the response to the caller.
   * If this limit has already admitted the request, returns that decision and charges nothing.
   * `settle` and `decisionOf` then include the request. The caller releases the permit if a rule has
   * `concurrent`.
   */
  admit(request: Request, ...context: Context | []): Promise<Decision>
  /** Returns the decision that `admit` would make on an unseen request now. Charges nothing. */
  peek(request: Request, ...context: Context | []): Promise<Forecast>
  /**
   * Returns what the request's keys have used and have left under each rule. Charges nothing, and
   * computes no cost: the request may be one to a page that shows the usage. See `Limiter.usage`.
   */
  usage(request: Request, ...context: Context | []): Promise<Usage>
  /**
   * Adds units to the usage of a request's key, or of a key: the string that `by` returns, the
   * address for `ip`, or `client ID` for an identified client. See `Limiter.charge`.
   */
  charge(request: Request | string, cost: number, options?: UsageOptions): Promise<void>
  /** Subtracts units from the usage of a request's key, or of a key, down to zero. */
  refund(request: Request | string, cost: number, options?: UsageOptions): Promise<void>
  /** Deletes the usage of a request's key, or of a key. */
  reset(request: Request | string, options?: UsageOptions): Promise<void>
}
