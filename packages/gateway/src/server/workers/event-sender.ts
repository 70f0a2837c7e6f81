import { addressOf, pathOf } from '../../policy/client-label.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { Observer } from '../observability/observer.js'
import type { ObserverCall } from './worker-protocol.js'

/** Interval in which events are collected into a batch. The dashboard shows whole seconds. */
const BATCH_INTERVAL_MS = 50
/** A batch of this many events is sent immediately. */
const MAX_BATCH = 500
/** Maximum number of events waiting for a slow primary. Further events are dropped and counted. */
const MAX_WAITING = 50_000

export interface EventSender extends Observer {
  /** Sends the collected events, and settles when the primary has received them. */
  flush(): Promise<void>
}

/**
 * Creates an observer that sends its events to another process.
 *
 * @param send sends events, and settles when they are received; never rejects
 * @param onDropped called with the number of events dropped since the last call
 */
export function eventSender(
  send: (events: readonly ObserverCall[]) => Promise<void>,
  onDropped: (dropped: number) => void,
): EventSender {
  let batch: ObserverCall[] = []
  let sending = 0
  let dropped = 0
  let timer: NodeJS.Timeout | undefined
  /**
   * Gauge changes that did not fit, summed by route. Unlike other events, they are never dropped,
   * so that gauges stay balanced.
   */
  const deferred = { onInFlightChange: new Map<string, number>(), onWaitingChange: new Map<string, number>() }

  /**
   * True once the batch has the ID of a request that the upstream answered. One in each batch is
   * enough for the exemplars of the metrics.
   */
  let hasExample = false

  const isFull = () => sending + batch.length >= MAX_WAITING
  const flush = async () => {
    clearTimeout(timer)
    timer = undefined
    for (const name of ['onInFlightChange', 'onWaitingChange'] as const) {
      for (const [route, sum] of deferred[name])
        for (let left = Math.abs(sum); left > 0; left--) batch.push([name, route, sum > 0 ? 1 : -1])
      deferred[name].clear()
    }
    if (batch.length === 0) return
    const sent = batch
    batch = []
    hasExample = false
    sending += sent.length
    if (dropped > 0) onDropped(dropped)
    dropped = 0
    await send(sent)
    sending -= sent.length
  }
  const add = (event: ObserverCall) => {
    if (isFull()) {
      dropped++
      return
    }
    batch.push(event)
    // A threshold is lost if the worker is killed before it is sent.
    if (batch.length >= MAX_BATCH || isThreshold(event)) flush()
    else timer ??= setTimeout(flush, BATCH_INTERVAL_MS).unref()
  }
  const addChange = (name: 'onInFlightChange' | 'onWaitingChange', route: string, change: 1 | -1) => {
    if (!isFull()) return add([name, route, change])
    deferred[name].set(route, (deferred[name].get(route) ?? 0) + change)
    timer ??= setTimeout(flush, BATCH_INTERVAL_MS).unref()
  }
  return {
    onRequestEnd: (...args) => add(['onRequestEnd', ...args]),
    onBlocked: (route, request, block) => add(['onBlocked', route, senderOf(request, true), block]),
    onInFlightChange: (route, change) => addChange('onInFlightChange', route, change),
    onWaitingChange: (route, change) => addChange('onWaitingChange', route, change),
    onUpstreamResponse(route, seconds, status, requestId, traceId) {
      if (hasExample) return add(['onUpstreamResponse', route, seconds, status])
      hasExample = true
      add(['onUpstreamResponse', route, seconds, status, requestId, traceId])
    },
    onModelAnswer: (...args) => add(['onModelAnswer', ...args]),
    onUnreadableResponse: (...args) => add(['onUnreadableResponse', ...args]),
    onStreamExhausted: (...args) => add(['onStreamExhausted', ...args]),
    onLimiterEvent: (route, event) =>
      add([
        'onLimiterEvent',
        route,
        'request' in event ? { ...event, request: senderOf(event.request, event.type === 'refused') } : event,
      ]),
    onStoreOperation: (...args) => add(['onStoreOperation', ...args]),
    flush,
  }
}

function isThreshold(event: ObserverCall): boolean {
  return event[0] === 'onLimiterEvent' && event[2].type === 'threshold'
}

/** Copies the parts of a request that observers read. They read the path only of refused requests. */
function senderOf(request: RequestSender, withPath: boolean): RequestSender {
  const sender = { id: request.id, traceId: request.traceId, client: request.client, ip: addressOf(request) }
  return withPath ? { ...sender, ...pathOf(request) } : sender
}
