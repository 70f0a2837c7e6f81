import type { Client } from 'sluice'
import type { Parameters } from './body/url-parameters.js'
import type { WeighedCall } from './llm/llm-call.js'

/** A request as the rules of a route see it. Costly parts are read once, on first use. */
export interface GatewayRequest {
  /** The ID of the request, for operators; undefined for a replayed request. */
  readonly id?: string | undefined
  /** The ID of the trace that the request belongs to, for operators; undefined without tracing. */
  readonly traceId?: string | undefined
  /** Upper case. */
  readonly method: string
  /** The normalized path, as it is forwarded. */
  readonly path: string
  /** The route's name, never the concrete path. */
  readonly route: string
  /** The values of the route's `:name` segments. */
  readonly params: Readonly<Record<string, string>>
  /** The parameters of the query. The object has no prototype. */
  readonly query: Parameters | Readonly<Record<string, string>>
  /**
   * Headers by lower-case name. The object has no prototype.
   *
   * @throws MalformedRequestError when reading a header that was sent more than once or in another
   *   spelling (`_` for `-`), or that a Connection header excludes from forwarding
   */
  readonly headers: Readonly<Record<string, string>>
  /** The address of the client, in canonical form. */
  readonly ip: string
  /** The authenticated client; undefined for an anonymous request. */
  readonly client: Client | undefined
  /** When the limits decide on the request, in milliseconds since the epoch. Never changes. */
  readonly time: number
  /**
   * The body: a JSON value, or the `Parameters` of a form. Available only for routes with a rule
   * that reads it.
   *
   * @throws UnreadableBodyError if it cannot be read
   * @throws MalformedRequestError if servers interpret it differently
   */
  readonly body: unknown
  /**
   * The model call in the body. Available only for routes with `llm`.
   *
   * @throws RequestError if a member of the call is invalid
   */
  readonly call: WeighedCall
  /**
   * The model of the call, after aliases; an empty string if the call names none. Available only for
   * routes with `llm`.
   *
   * @throws RequestError if it is not a string
   */
  readonly model: string
  /**
   * Reports that an expression of the configuration could not be evaluated. Never shown to the
   * client.
   */
  reportFailure?(failure: ExpressionFailure): void
}

/** The reason why an expression could not be evaluated for a request. */
export interface ExpressionFailure {
  readonly expression: string
  /** The use of the expression: `cost`, `key`, `limit`, `concurrent`, `class`, `require` or `upstream`. */
  readonly purpose: string
  readonly reason: string
}

/**
 * The parts of a request that identify it and its sender. The method and the path are known unless
 * a worker sent the request to the primary after it was allowed.
 */
export type RequestSender = Pick<GatewayRequest, 'id' | 'traceId' | 'client' | 'ip'> &
  Partial<Pick<GatewayRequest, 'method' | 'path'>>

/**
 * A request as limiters see it: the parts that rules read, and the headers that provide keys.
 */
export interface WeighedRequest extends GatewayRequest {
  /**
   * The value of a header.
   *
   * @param name in lower case
   * @throws MalformedRequestError if it was sent more than once
   */
  header(name: string): string | undefined
}

/** A request as the limits of an upstream see it. */
export interface UpstreamCall extends RequestSender {
  /** The model call; undefined if the request is not metered as one. */
  readonly call: Pick<WeighedCall, 'parameters' | 'reservation'> | undefined
  /**
   * The time in which the client wants the response to begin, in milliseconds; undefined without one.
   *
   * @throws MalformedRequestError if it is no duration
   */
  readonly beginWithinMs?: number | undefined
}
