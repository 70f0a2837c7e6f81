import type { IncomingMessage } from 'node:http'
import type { Decision, LimiterEvent } from 'sluice'
import type { GatewayConfig } from '../../../policy/config/config.js'
import type { LlmCall } from '../../../policy/llm/llm-call.js'
import type { TokenUsage } from '../../../policy/llm/usage.js'
import type { RequestSender } from '../../../policy/policy-request.js'
import type { Log } from '../../logging/log.js'
import type { ClientRedaction } from '../client-redaction.js'
import type { ModelAnswer } from '../model-answer.js'
import type { RequestOutcome } from '../request-outcome.js'

/** Describes requests to an operator's tracing and metrics backend. Absent unless configured. */
export interface Telemetry {
  /** Starts to describe a request. */
  start(request: IncomingMessage, requestId: string): RequestTelemetry
  /** The limiter of a route emitted an event. */
  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void
}

/** The process whose telemetry is exported. */
export interface TelemetryProcess {
  readonly log: Log
  readonly redaction: ClientRedaction
  /** The number of the worker; undefined in a gateway of one process. */
  readonly worker?: number
}

/** The telemetry of one process. */
export interface OpenedTelemetry extends Telemetry {
  /** Applies a changed configuration. */
  configure(config: Pick<GatewayConfig, 'models'>): void
  /** Exports what is pending, for at most 3 seconds. */
  close(): Promise<void>
}

/** Collects the facts about one request, and exports them when it ends. Methods never throw. */
export interface RequestTelemetry {
  /** The ID of the trace; undefined unless it is exported. */
  readonly traceId: string | undefined
  /** Headers that continue the trace at the upstream; undefined if requests are not traced. */
  readonly upstreamHeaders: readonly (readonly [name: string, value: string])[] | undefined
  /** Adds the headers of an unusable trace to the client headers that are not forwarded. */
  withheld(names: ReadonlySet<string> | undefined): ReadonlySet<string> | undefined
  /** The route is known. @param path normalized and without a query */
  onRoute(route: string, path: string): void
  onDecision(decided: Decided): void
  /** The request was sent to an upstream, which routes choose. */
  onUpstream(name: string): void
  /** The exchange with the upstream ended. */
  onForwarded(end: ForwardEnd): void
  /** A model call was charged. */
  onModelAnswer(answer: AnsweredCall): void
  /**
   * The request has ended. Called once.
   *
   * @param status the status that the client received; undefined without a response
   */
  end(outcome: RequestOutcome, status: number | undefined): void
}

interface Decided {
  readonly sender: RequestSender
  readonly decision: Decision
  /** The time that the request waited for its limits and its body. */
  readonly waitedMs: number
  readonly call: LlmCall | undefined
}

/** The end of an exchange with the upstream. */
interface ForwardEnd {
  readonly kind: 'answered' | 'interrupted' | 'failed'
  /** The side that interrupted the exchange. */
  readonly by?: 'client' | 'upstream' | 'quota'
  readonly seconds: number
}

/** Times are in milliseconds. */
interface AnsweredCall {
  /** Undefined if the upstream did not report them, so that the reservation stays charged. */
  readonly tokens: TokenUsage | undefined
  /** The model that the upstream reported. */
  readonly model: string | undefined
  readonly cost?: ModelAnswer['cost']
  /** From forwarding the request to the first text; only of a streamed response. */
  readonly firstTokenMs?: number | undefined
  readonly perOutputTokenMs?: number | undefined
}
