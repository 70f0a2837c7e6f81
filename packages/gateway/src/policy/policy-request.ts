import type { Client } from 'sluice'
import type { Parameters } from './body/url-parameters.js'
import type { LlmCall } from './llm/llm-call.js'

/** A request as the rules of a route see it. What is costly to read is read when a rule asks for it, and once. */
export interface GatewayRequest {
  /** In upper case. */
  readonly method: string
  /** The normalised path, as it is forwarded. */
  readonly path: string
  /** The route's name, never the concrete path. */
  readonly route: string
  /** What the route's `:name` segments matched. */
  readonly params: Readonly<Record<string, string>>
  /** The query's parameters. An object has no prototype. */
  readonly query: Parameters | Readonly<Record<string, string>>
  /**
   * By name in lower case, without a prototype.
   *
   * @throws MalformedRequestError on reading one that was sent more than once, in another spelling (with `_` for `-`), or that a
   *   Connection header keeps from the upstream.
   */
  readonly headers: Readonly<Record<string, string>>
  /** The client's address in its one canonical form. */
  readonly ip: string
  /** Who sends it, as credentials that were checked say; undefined for a visitor. */
  readonly client: Client | undefined
  /**
   * The body: a value of JSON, or the `Parameters` of a form. Only where the route has a rule that reads it.
   *
   * @throws UnreadableBodyError where it cannot be read; MalformedRequestError where servers read it in different ways.
   */
  readonly body: unknown
  /**
   * What it asks a model for. Only where the route says how its calls are read.
   *
   * @throws RequestError where a field of it is wrong.
   */
  readonly call: LlmCall
  /** Is told that an expression of the configuration could not be worked out. Nothing of it is for the client. */
  reportFailure?(failure: ExpressionFailure): void
}

/** Why an expression of the configuration could not be worked out for a request. */
export interface ExpressionFailure {
  readonly expression: string
  /** What the expression is for: `cost`, `key`, `concurrent` or `require`. */
  readonly purpose: string
  readonly reason: string
}

/** Whom a request comes from. */
export type RequestSender = Pick<GatewayRequest, 'client' | 'ip'>

/** A request that limiters weigh: what rules see of it, and what named keys are read from. */
export interface WeighedRequest extends GatewayRequest {
  /**
   * The value of a header.
   *
   * @param name in lower case
   * @throws MalformedRequestError where it was sent more than once.
   */
  header(name: string): string | undefined
}
