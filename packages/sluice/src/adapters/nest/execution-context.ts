import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionContext } from '@nestjs/common'

/** A request as Nest passes it from Express or Fastify. */
export interface NestRequest extends Pick<IncomingMessage, 'headers' | 'socket' | 'method'> {
  readonly body?: unknown
  readonly params?: unknown
  /** Set if the framework trusts proxies. */
  readonly ips?: readonly string[]
  /** Express. */
  readonly app?: { readonly settings?: Readonly<Record<string, unknown>> }
  readonly baseUrl?: string
  readonly route?: { readonly path?: string }
  /** Fastify. */
  readonly routeOptions?: { readonly url?: string }
  readonly server?: object
  readonly raw?: IncomingMessage
}

/** The response of Express or Fastify. Fastify stores Node's response as `raw`. */
export type NestResponse =
  | (ServerResponse & { readonly raw?: undefined })
  | { readonly raw: ServerResponse; hijack(): unknown }

/** One run of a handler. */
export interface Execution {
  readonly request: NestRequest
  /** Undefined if the handler has no HTTP response, such as one for WebSocket messages. */
  readonly response: ServerResponse | undefined
  /**
   * Identifies this run among those of the same request: a GraphQL query may run a handler many
   * times, and each message of a WebSocket runs a handler once. Undefined if a request has only one
   * run.
   */
  readonly run: object | undefined
}

/**
 * Finds the request that a handler runs for: the HTTP request, the request of a GraphQL operation,
 * or the handshake of a WebSocket.
 *
 * @param requestOf returns the request instead of searching for it
 * @throws TypeError if there is no request, because a handler that cannot be limited must not
 *   appear limited
 */
export function executionOf(
  context: ExecutionContext,
  requestOf: ((context: ExecutionContext) => NestRequest | undefined) | undefined,
): Execution {
  const type: string = context.getType<string>()
  const custom = requestOf?.(context)
  if (type === 'http') {
    const http = context.switchToHttp()
    const response = nodeResponse(http.getResponse<NestResponse>())
    return { request: custom ?? http.getRequest<NestRequest>(), response, run: undefined }
  }
  const candidates =
    type === 'graphql' ? graphqlCandidates(context) : type === 'ws' ? wsCandidates(context) : []
  const request = custom ?? candidates.find(isRequest)
  if (request === undefined)
    throw new TypeError(
      `a limit applies to ${describe(context)}, which has no HTTP request to count: return one from 'request', or mark the handler @Unlimited()`,
    )
  const run = (type === 'graphql' && context.getArgByIndex<object | undefined>(3)) || context.getArgs()
  return { request, response: type === 'graphql' ? graphqlResponse(context, request) : undefined, run }
}

/** Returns Node's response, which Fastify stores as `raw`. */
export function nodeResponse(response: NestResponse): ServerResponse {
  return response.raw ?? response
}

interface GraphqlContext {
  readonly req?: unknown
  readonly request?: unknown
  readonly res?: NestResponse
  readonly reply?: NestResponse & { readonly request?: unknown }
  readonly extra?: { readonly request?: unknown }
}

/**
 * Returns the values that may be the request, because Apollo, Mercurius and graphql-ws (for
 * subscriptions) store it under different names.
 */
function graphqlCandidates(context: ExecutionContext): unknown[] {
  const { req, request, reply, extra } = graphqlContext(context)
  return [req, request, reply?.request, extra?.request]
}

function graphqlResponse(context: ExecutionContext, request: NestRequest): ServerResponse | undefined {
  const { res, reply } = graphqlContext(context)
  const response = res ?? reply ?? (request as { readonly res?: NestResponse }).res
  const own = response && nodeResponse(response)
  return typeof own?.setHeader === 'function' ? own : undefined
}

function graphqlContext(context: ExecutionContext): GraphqlContext {
  return context.getArgByIndex<GraphqlContext | undefined>(2) ?? {}
}

/**
 * Returns the values that may be the handshake. Socket.IO stores it, and an application that uses
 * `ws` must do so itself.
 */
function wsCandidates(context: ExecutionContext): unknown[] {
  const { request, upgradeReq, conn } = context.switchToWs().getClient<{
    readonly request?: unknown
    readonly upgradeReq?: unknown
    readonly conn?: { readonly request?: unknown }
  }>()
  return [request, upgradeReq, conn?.request]
}

function isRequest(value: unknown): value is NestRequest {
  if (value === null || typeof value !== 'object') return false
  const { headers, socket, raw } = value as Partial<NestRequest>
  return headers !== null && typeof headers === 'object' && (socket ?? raw?.socket) !== undefined
}

function describe(context: ExecutionContext): string {
  const kinds: Readonly<Record<string, string>> = {
    graphql: 'a GraphQL handler',
    ws: 'a WebSocket handler',
    rpc: 'a microservice handler',
  }
  const type = context.getType<string>()
  const kind = kinds[type] ?? `a handler of type '${type}'`
  return `${kind}, ${context.getClass()?.name}.${context.getHandler()?.name}`
}
