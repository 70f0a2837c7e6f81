import type { Readable } from 'node:stream'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { Resource } from '../../src/rules/rule.js'

/** What a handler is given. */
interface RequestContext {
  /** `settle` of the adapter, for this request. */
  settle(costs: Readonly<Partial<Record<Resource, number>>>): Promise<void>
}

/** What a handler answers: a text, or a body that goes on until it ends. */
type Answer = string | Readable

export interface Route {
  readonly method: 'GET' | 'POST'
  /** With `:name` segments. */
  readonly path: string
  /** One `limit(…)` after the other. */
  readonly limits: readonly (string | HttpLimitOptions<object>)[]
  readonly handle: (handling: RequestContext) => Answer | Promise<Answer>
  /**
   * Is called before the limits, as a middleware is. What it is given answers the request with 503 and `answered before`, as
   * one does that ends requests which take too long.
   */
  readonly before?: (answerFirst: () => void) => void
}

/** Starts an app of these routes for the time of a test; returns its port. */
export type StartRoutes = (...routes: (Partial<Route> & Pick<Route, 'limits'>)[]) => Promise<number>

export interface RunningApp {
  readonly port: number
  close(): Promise<void>
}

/** A framework with its adapter, as the conformance suite drives it. */
export interface Framework {
  /** Whether a cost can read the body: in the others it is read later, by the handler. */
  readonly readsBody: boolean
  /** Whether several limits may stand before one handler. */
  readonly stacks: boolean
  /** Whether a header that was sent twice can be told from one with a comma. */
  readonly tellsRepeated: boolean
  start(routes: readonly Route[]): Promise<RunningApp>
  /** The parsed body of the framework's own request. */
  bodyOf(request: object): unknown
  /** A header of the framework's own request. */
  headerOf(request: object, name: string): string | undefined
}
