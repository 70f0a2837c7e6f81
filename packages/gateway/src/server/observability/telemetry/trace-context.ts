import type { IncomingMessage } from 'node:http'
import { type Context, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import { parseTraceParent, TraceState } from '@opentelemetry/core'

// W3C Trace Context: https://www.w3.org/TR/trace-context/

export const TRACEPARENT = 'traceparent'
export const TRACESTATE = 'tracestate'

/**
 * Reads the trace that a request continues. Returns the root context if the request has no usable
 * `traceparent`, including one that was sent twice. The `tracestate` is read only with it.
 */
export function parentOf({ headers }: Pick<IncomingMessage, 'headers'>): Context {
  const parent = headers[TRACEPARENT]
  const parsed = typeof parent === 'string' ? parseTraceParent(parent) : null
  if (parsed === null) return ROOT_CONTEXT
  const state = headers[TRACESTATE]
  const context: SpanContext = {
    ...parsed,
    isRemote: true,
    ...(typeof state === 'string' && { traceState: new TraceState(state) }),
  }
  return trace.setSpanContext(ROOT_CONTEXT, context)
}

/** Formats the `traceparent` of a span, for its children at the upstream. */
export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`
}
