import type { Readable } from 'node:stream'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { Resource } from '../../src/rules/rule.js'

/** The argument of a handler. */
interface RequestContext {
  /** Calls the adapter's `settle` for this request. */
  settle(costs: Readonly<Partial<Record<Resource, number>>>): Promise<void>
}

/** The response body of a handler: a string or a stream. */
type Answer = string | Readable

export interface Route {
  readonly method: 'GET' | 'POST'
  /** The path, with `:name` segments. */
  readonly path: string
  /** One `limit(…)` per item, in order. */
  readonly limits: readonly (string | HttpLimitOptions<object>)[]
  readonly handle: (context: RequestContext) => Answer | Promise<Answer>
  /**
   * A middleware before the limits. Its argument responds with 503 and `answered before`, as a
   * timeout middleware does.
   */
  readonly before?: (respondFirst: () => void) => void
}

/** Starts an app with these routes for the duration of a test. Returns its port. */
export type StartRoutes = (...routes: (Partial<Route> & Pick<Route, 'limits'>)[]) => Promise<number>

export interface RunningApp {
  readonly port: number
  close(): Promise<void>
}

/** A framework with its adapter, as the conformance suite uses it. */
export interface Framework {
  /** Whether a cost can read the parsed body. In other frameworks, the handler reads it later. */
  readonly readsBody: boolean
  /** Whether one handler can have several limits. */
  readonly allowsSeveralLimits: boolean
  /** Whether a repeated header can be distinguished from one with a comma. */
  readonly distinguishesRepeatedHeaders: boolean
  start(routes: readonly Route[]): Promise<RunningApp>
  /** Returns the parsed body of a request of the framework. */
  bodyOf(request: object): unknown
  /** Returns a header of a request of the framework. */
  headerOf(request: object, name: string): string | undefined
}
