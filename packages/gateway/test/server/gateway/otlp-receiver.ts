import type { IncomingMessage, ServerResponse } from 'node:http'
import { vi } from 'vitest'
import { startUpstream, until } from './running-gateway.js'

/** A span as a receiver sees it. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty for the root of a trace. */
  readonly parentSpanId: string
  readonly traceState: string
  readonly name: string
  readonly kind: number
  /** 2 for an error. */
  readonly statusCode: number
  readonly attributes: Attributes
  /** The attributes of the process that sent it. */
  readonly resource: Attributes
}

interface ReceivedPoint {
  readonly metric: string
  readonly attributes: Attributes
  /** The number of values of a histogram. */
  readonly count: number
  /** The sum of a histogram, or the value of a counter. */
  readonly sum: number
  readonly resource: Attributes
}

type Attributes = Readonly<Record<string, unknown>>

/** An OTLP/HTTP receiver that reads JSON. It stops after the test. */
export interface OtlpReceiver {
  readonly url: string
  readonly spans: readonly ReceivedSpan[]
  /** The points of all exports, in their order. Later points of a counter include earlier ones. */
  readonly points: readonly ReceivedPoint[]
  /** The requests that were received. */
  readonly requests: readonly { readonly path: string; readonly headers: IncomingMessage['headers'] }[]
  /** Waits until this many spans were received, and returns them. */
  awaitSpans(count: number): Promise<readonly ReceivedSpan[]>
}

/** Starts a receiver, and makes gateways export every 20 ms. */
export async function startReceiver(
  respond: (response: ServerResponse) => void = (response) => response.end('{}'),
): Promise<OtlpReceiver> {
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
  vi.stubEnv('OTEL_METRIC_EXPORT_INTERVAL', '20')
  const spans: ReceivedSpan[] = []
  const points: ReceivedPoint[] = []
  const requests: { path: string; headers: IncomingMessage['headers'] }[] = []
  const url = await startUpstream(async (request, response) => {
    requests.push({ path: request.url ?? '', headers: request.headers })
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (request.headers['content-type'] === 'application/json') {
      const message = JSON.parse(Buffer.concat(chunks).toString())
      spans.push(...spansIn(message))
      points.push(...pointsIn(message))
    }
    response.setHeader('content-type', 'application/json')
    respond(response)
  })
  return {
    ...{ url, spans, points, requests },
    async awaitSpans(count) {
      await until(() => spans.length >= count)
      return spans
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the messages are JSON of the protocol
type Json = any

function spansIn({ resourceSpans = [] }: Json): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }: Json) =>
    scopeSpans.flatMap(({ spans }: Json) =>
      spans.map((span: Json) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        traceState: span.traceState ?? '',
        name: span.name,
        kind: span.kind,
        statusCode: span.status?.code ?? 0,
        attributes: attributesOf(span.attributes),
        resource: attributesOf(resource.attributes),
      })),
    ),
  )
}

function pointsIn({ resourceMetrics = [] }: Json): ReceivedPoint[] {
  return resourceMetrics.flatMap(({ resource, scopeMetrics }: Json) =>
    scopeMetrics.flatMap(({ metrics }: Json) =>
      metrics.flatMap(({ name, histogram, sum, gauge }: Json) =>
        (histogram ?? sum ?? gauge).dataPoints.map((point: Json) => ({
          metric: name,
          attributes: attributesOf(point.attributes),
          count: Number(point.count ?? 1),
          sum: Number(point.sum ?? point.asInt ?? point.asDouble),
          resource: attributesOf(resource.attributes),
        })),
      ),
    ),
  )
}

function attributesOf(list: Json = []): Attributes {
  return Object.fromEntries(
    list.map(({ key, value }: Json) => {
      const [kind, content] = Object.entries(value)[0] as [string, unknown]
      return [key, kind === 'intValue' ? Number(content) : content]
    }),
  )
}
