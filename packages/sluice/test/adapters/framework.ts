import type { Readable } from 'node:stream'
import type { RequestDecision } from '../../src/http/admitted-requests.js'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { LimitMethods } from '../../src/http/limit-methods.js'
import type { Resource } from '../../src/rules/rule.js'

/** The argument of a handler. */
interface RequestContext {
  /** Calls the adapter's `settle` for this request. */
  settle(costs: Readonly<Partial<Record<Resource, number>>>): Promise<void>
  /** Calls the adapter's `decisionOf` for this request. */
  decision(): RequestDecision | undefined
  readonly request: object
  /** The limits of the route, then those that it applies by hand. */
  readonly limits: readonly LimitMethods<object>[]
}

/** The response of a handler: a string or a stream. */
type HandlerResult = string | Readable

export interface Route {
  readonly method: 'GET' | 'POST' | 'OPTIONS'
  /** The path, with `:name` segments. */
  readonly path: string
  /** The limits, applied in order. */
  readonly limits: readonly (string | HttpLimitOptions<object>)[]
  /** Limits that only the handler applies, through their methods. */
  readonly byHand?: readonly HttpLimitOptions<object>[]
  readonly handle: (context: RequestContext) => HandlerResult | Promise<HandlerResult>
  /**
   * Runs before the limits, as middleware does.
   *
   * Its argument sends a response with 503 and `early response`, as a request timeout would.
   */
  readonly before?: (respondFirst: () => void) => void
}

/** Starts an app with these routes for the duration of a test and returns its port. */
export type StartRoutes = (...routes: (Partial<Route> & Pick<Route, 'limits'>)[]) => Promise<number>

/** The senders that a framework trusts: those on this machine, or all. */
export type ProxySetting = 'loopback' | 'everyone'

/** Creates the limits of a route: those that are applied before the handler, and those that it applies. */
export function createLimits<L>(
  { limits, byHand = [] }: Route,
  limit: (options: string | HttpLimitOptions<object>) => L & LimitMethods<never>,
): { readonly applied: readonly L[]; readonly all: readonly LimitMethods<object>[] } {
  const applied = limits.map(limit)
  // The methods take the requests of the framework, which the suite treats as objects.
  return { applied, all: [...applied, ...byHand.map(limit)] as readonly LimitMethods<object>[] }
}

/** The settings of an app in its framework. */
interface AppSettings {
  /** The framework's own setting for proxies. Default: it trusts none. */
  readonly proxies?: ProxySetting
  /** Creates the JSON body of the application's own error handler, which keeps the status. */
  readonly onError?: (error: ThrownRefusal) => object
}

/** The properties of the error for a refusal that every adapter throws. */
export interface ThrownRefusal {
  readonly status: number
  readonly message: string
  readonly problem: unknown
  /** Undefined in NestJS. */
  readonly headers: Readonly<Record<string, unknown>> | undefined
}

export interface RunningApp {
  readonly port: number
  close(): Promise<void>
}

/** A framework and its adapter, for the conformance suite. */
export interface Framework {
  /** True if costs can read the body. Otherwise only the handler reads it. */
  readonly readsBody: boolean
  /** True if one handler can have several limits. */
  readonly allowsSeveralLimits: boolean
  /** True if a repeated header can be distinguished from one with a comma. */
  readonly distinguishesRepeatedHeaders: boolean
  /** True if the limits before a handler are options in the route's configuration, without methods. */
  readonly limitsByConfig?: true
  /** True if the framework has a setting for proxies. */
  readonly hasProxySetting: boolean
  /** True if the framework itself responds to a RefusalError with its status and headers. */
  readonly respondsToErrors: boolean
  start(routes: readonly Route[], settings?: AppSettings): Promise<RunningApp>
  /** Returns the parsed body of a request of the framework. */
  bodyOf(request: object): unknown
  /** Returns a header of a request of the framework. */
  headerOf(request: object, name: string): string | undefined
}
