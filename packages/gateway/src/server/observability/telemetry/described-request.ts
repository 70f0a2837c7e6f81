import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api'
import { UNITS_PER_CURRENCY } from 'sluice/internal'
import { clientLabel } from '../../../policy/client-label.js'
import type { LlmCall } from '../../../policy/llm/llm-call.js'
import type { ClientRedaction } from '../client-redaction.js'
import type { RequestOutcome } from '../request-outcome.js'
import { callAttributes, operationOf } from './gen-ai-call.js'
import type { RequestTelemetry } from './request-telemetry.js'
import type { TelemetryMetrics } from './telemetry-metrics.js'
import { parentOf, TRACEPARENT, TRACESTATE, traceparentOf } from './trace-context.js'

/** What all requests share. */
export interface DescribedBy {
  /** Undefined if no traces are exported. */
  readonly tracer: Tracer | undefined
  /** Undefined if no metrics are exported. */
  readonly metrics: TelemetryMetrics | undefined
  readonly redaction: ClientRedaction
  /** Returns the name of a model for metrics, of which there are few. */
  readonly modelLabel: (model: string | undefined) => string
}

type Methods = RequestTelemetry
type Decided = Parameters<Methods['onDecision']>[0]
type AnsweredCall = Parameters<Methods['onModelAnswer']>[0]
type ForwardEnd = Parameters<Methods['onForwarded']>[0]

/** Methods that spans and metrics name; a client can invent others. */
const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'QUERY'],
])

/** Maximum length of a path in a span, in UTF-16 code units. */
const MAX_PATH = 200

/** Describes one request as a server span and in histograms. */
export class DescribedRequest implements RequestTelemetry {
  readonly traceId: string | undefined
  readonly upstreamHeaders: readonly (readonly [string, string])[] | undefined
  readonly #by: DescribedBy
  readonly #span: Span | undefined
  readonly #hidesState: boolean = false
  readonly #startedAt = performance.now()
  readonly #method: string
  /** The attributes of the span that metrics have too. */
  readonly #shared: Attributes
  #call: LlmCall | undefined
  #answer: AnsweredCall | undefined
  #exchange: ForwardEnd | undefined

  constructor(by: DescribedBy, request: IncomingMessage, requestId: string) {
    this.#by = by
    const { method = 'GET' } = request
    this.#method = METHODS.has(method) ? method : '_OTHER'
    this.#shared = {
      'http.request.method': this.#method,
      'url.scheme': request.socket instanceof TLSSocket ? 'https' : 'http',
    }
    if (by.tracer === undefined) return
    const parent = parentOf(request)
    const attributes = { ...this.#shared, 'url.path': pathOf(request.url), 'sluice.request_id': requestId }
    // Without a route, an unknown method must not become part of a name.
    const name = this.#method === '_OTHER' ? 'HTTP' : this.#method
    this.#span = by.tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent)
    const context = this.#span.spanContext()
    if (this.#span.isRecording()) this.traceId = context.traceId
    this.upstreamHeaders = [[TRACEPARENT, traceparentOf(context)]]
    this.#hidesState = parent === ROOT_CONTEXT && TRACESTATE in request.headers
  }

  withheld(names: ReadonlySet<string> | undefined): ReadonlySet<string> | undefined {
    return this.#hidesState ? new Set([...(names ?? []), TRACESTATE]) : names
  }

  onRoute(route: string, path: string): void {
    // The name of a route may begin with methods. `default` and `usage` are no paths.
    const pattern = route.slice(Math.max(0, route.indexOf('/')))
    this.#shared['sluice.route'] = route
    if (pattern.startsWith('/')) {
      this.#shared['http.route'] = pattern
      this.#span?.updateName(`${this.#method} ${pattern}`)
    }
    this.#span?.setAttribute('url.path', path.slice(0, MAX_PATH))
  }

  onDecision({ sender, decision, waitedMs, call }: Decided): void {
    this.#call = call
    if (this.#span?.isRecording() !== true) return
    const tier = sender.client?.tier
    this.#span.setAttributes({
      'sluice.client': this.#by.redaction.redact(clientLabel(sender)),
      ...(tier !== undefined && { 'sluice.tier': tier.slice(0, 64) }),
      'sluice.waited_ms': waitedMs,
      ...(call !== undefined && callAttributes(call)),
    })
    if (decision.allowed) return
    const { rule, resource, reason, cost, remaining, retryAfter } = decision.refusal
    this.#span.setAttributes({
      'sluice.rule': rule,
      'sluice.resource': resource,
      'sluice.reason': reason,
      'sluice.cost': cost,
      'sluice.remaining': remaining,
      ...(Number.isFinite(retryAfter) && { 'sluice.retry_after_ms': Math.ceil(retryAfter) }),
    })
  }

  onUpstream(name: string): void {
    this.#span?.setAttribute('sluice.upstream', name)
  }

  onForwarded(end: ForwardEnd): void {
    this.#exchange = end
  }

  onModelAnswer(answer: AnsweredCall): void {
    this.#answer = answer
  }

  end(outcome: RequestOutcome, status: number | undefined): void {
    const errorType = this.#errorType(status)
    const shared: Attributes = {
      ...this.#shared,
      ...(status !== undefined && { 'http.response.status_code': status }),
      'sluice.outcome': outcome,
      ...(errorType !== undefined && { 'error.type': errorType }),
    }
    this.#endSpan(shared, errorType, status)
    this.#by.metrics?.request.record((performance.now() - this.#startedAt) / 1000, shared)
    if (this.#by.metrics !== undefined) this.#recordCall(this.#by.metrics, errorType)
  }

  #endSpan(shared: Attributes, errorType: string | undefined, status: number | undefined): void {
    if (this.#span === undefined) return
    if (this.#span.isRecording()) {
      this.#span.setAttributes({ ...shared, ...answerAttributes(this.#answer) })
      // A client that disconnects, or whose request is refused, is no error of the server.
      if (errorType === UPSTREAM_DISCONNECTED || (status !== undefined && status >= 500))
        this.#span.setStatus({ code: SpanStatusCode.ERROR })
    }
    this.#span.end()
  }

  #recordCall(metrics: TelemetryMetrics, errorType: string | undefined): void {
    if (this.#call === undefined || this.#exchange === undefined) return
    const attributes = {
      ...operationOf(this.#call),
      'gen_ai.request.model': this.#by.modelLabel(this.#call.parameters.model),
      'sluice.route': this.#shared['sluice.route'],
    }
    const outcome = errorType === undefined ? attributes : { ...attributes, 'error.type': errorType }
    metrics.operation.record(this.#exchange.seconds, outcome)
    if (this.#answer === undefined) return
    const { tokens, firstTokenMs, perOutputTokenMs } = this.#answer
    if (tokens !== undefined) {
      metrics.tokens.record(tokens.input, { ...attributes, 'gen_ai.token.type': 'input' })
      metrics.tokens.record(tokens.output, { ...attributes, 'gen_ai.token.type': 'output' })
    }
    if (firstTokenMs !== undefined) metrics.firstToken.record(firstTokenMs / 1000, attributes)
    if (perOutputTokenMs !== undefined) metrics.perOutputToken.record(perOutputTokenMs / 1000, attributes)
  }

  /** Returns the value of `error.type`. A model call also fails with a status below 500. */
  #errorType(status: number | undefined): string | undefined {
    const { kind, by } = this.#exchange ?? {}
    // The response is complete for the client, and says that it was cut.
    if (by === 'quota') return undefined
    if (kind === 'interrupted') return by === 'upstream' ? UPSTREAM_DISCONNECTED : CLIENT_DISCONNECTED
    if (status === undefined) return CLIENT_DISCONNECTED
    const isError = status >= (this.#call === undefined ? 500 : 400)
    return isError ? String(status) : undefined
  }
}

const CLIENT_DISCONNECTED = 'client_disconnected'
const UPSTREAM_DISCONNECTED = 'upstream_disconnected'

function answerAttributes(answer: AnsweredCall | undefined): Attributes {
  if (answer === undefined) return {}
  const { tokens, model, cost, firstTokenMs } = answer
  return {
    ...(tokens !== undefined && {
      'gen_ai.usage.input_tokens': tokens.input,
      'gen_ai.usage.output_tokens': tokens.output,
      ...(tokens.cached > 0 && { 'gen_ai.usage.cache_read.input_tokens': tokens.cached }),
    }),
    ...(model !== undefined && { 'gen_ai.response.model': model }),
    ...(cost !== undefined && {
      'sluice.cost': cost.units / UNITS_PER_CURRENCY,
      'sluice.cost.currency': cost.currency,
    }),
    ...(firstTokenMs !== undefined && { 'sluice.time_to_first_token_ms': firstTokenMs }),
  }
}

/** Returns the path of a request target that may not be valid. Other forms than a path are hidden. */
function pathOf(url = '/'): string {
  return url.startsWith('/') ? (url.split('?', 1)[0] as string).slice(0, MAX_PATH) : ''
}
