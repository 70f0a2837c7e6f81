import type { ServerResponse } from 'node:http'
import type { ClientAddressReader } from 'sluice/http'
import type { AccessList } from '../../policy/acts/access-list.js'
import type { CorsConfig } from '../../policy/config/config.js'
import type { OutputPredictor } from '../../policy/llm/prediction/output-predictor.js'
import type { ResponseMemory } from '../../policy/llm/response/response-memory.js'
import type { Policies, PolicyMatch } from '../../policy/policies.js'
import type { Target } from '../../policy/routing/target.js'
import type { BodyMemory } from '../http/body-memory.js'
import type { CrossOriginExchange, UpstreamGrants } from '../http/cross-origin.js'
import type { InboundRequest } from '../http/inbound-request.js'
import type { ClientReader } from '../identity/client-reader.js'
import type { AccessEntry, AccessLog } from '../observability/access-log.js'
import type { Recorder } from '../observability/recording/recorder.js'
import type { RequestOutcome, TrafficObserver } from '../observability/request-outcome.js'
import type { RequestTelemetry, Telemetry } from '../observability/telemetry/request-telemetry.js'
import type { SpendSink } from '../spend/spend-recorder.js'
import type { Upstream } from '../upstreams/upstream.js'
import type { UpstreamSet } from '../upstreams/upstream-set.js'
import type { ErrorReporter } from './error-reporter.js'
import type { RefCount } from './ref-count.js'

/**
 * Services that requests use under one configuration. A request keeps the services it started with,
 * even if the configuration is reloaded in the meantime.
 */
export interface RequestServices {
  /** The gateway's own name in the `Via` header. */
  readonly gatewayName: string
  readonly policies: Policies
  /** Undefined if no client is blocked, and none is exempt from all limits by its ID. */
  readonly access: AccessList | undefined
  readonly addresses: ClientAddressReader
  readonly clients: ClientReader
  /** The default upstream. */
  readonly upstream: Upstream
  /** All upstreams; undefined if routes do not choose one. */
  readonly upstreams?: UpstreamSet | undefined
  /** Counts all requests that may still use the upstreams, including those not yet admitted. */
  readonly upstreamUsers: RefCount
  /** Bounds the memory of request bodies that rules read. */
  readonly bodyMemory: BodyMemory
  /** Bounds the memory of responses that are read to meter their cost. */
  readonly responseMemory: ResponseMemory
  /** Predicts the output of calls, on routes that reserve no more. */
  readonly predictor: OutputPredictor
  /** Milliseconds to wait for the first byte of a body; 0 for no timeout. */
  readonly bodyStartTimeoutMs: number
  /**
   * True if a POST is retried when the upstream closes the idle connection on which it was sent.
   */
  readonly retriesPost: boolean
  /** The CORS settings for requests without a route. */
  readonly cors: CorsConfig | undefined
  readonly corsGrants: UpstreamGrants
  readonly traffic: TrafficObserver
  /** Receives what requests spend; undefined if it is not kept. */
  readonly spend?: SpendSink | undefined
  /** Undefined unless requests are logged. */
  readonly accessLog?: AccessLog | undefined
  /** Undefined unless traffic is recorded. */
  readonly recorder?: Recorder | undefined
  /** Undefined unless traces or metrics are exported. */
  readonly telemetry?: Telemetry | undefined
}

/** One request, its response, and everything needed to handle it. */
export interface RequestContext {
  readonly request: InboundRequest
  /** True if the peer is a trusted proxy. */
  readonly peerTrusted: boolean
  /** The ID of the request: that of a trusted proxy, or a new one. */
  readonly requestId: string
  readonly response: ServerResponse
  readonly services: RequestServices
  readonly errors: ErrorReporter
  /** The line of the request in the access log; undefined without one. */
  readonly access: AccessEntry | undefined
  /** Sends `100 Continue` if the client waits for it. Idempotent. */
  readonly sendContinue: () => void
  /** Undefined unless traces or metrics are exported. */
  readonly telemetry: RequestTelemetry | undefined
  /** Called once, when the request has ended and everything it held is released. */
  readonly onEnd: () => void
}

/** A request whose route is known. */
export interface RoutedRequest extends RequestContext {
  readonly target: Target
  readonly match: PolicyMatch
  /** Undefined if the response needs no CORS headers. */
  readonly crossOrigin: CrossOriginExchange | undefined
}

/**
 * Reports the end of a request, which has released everything it held.
 *
 * @param route undefined if none matched
 */
export function endRequest(
  { services, access, telemetry, response, onEnd }: RequestContext,
  route: string | undefined,
  outcome: RequestOutcome,
): void {
  const status = response.headersSent ? response.statusCode : undefined
  services.traffic.onRequestEnd(route, outcome)
  access?.end(outcome, status)
  telemetry?.end(outcome, status)
  onEnd()
}
