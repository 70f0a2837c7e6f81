import { addressOf } from '../../policy/client-label.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { Observer } from '../observability/observer.js'
import type { Observation } from './observations.js'

/** How long an observation may wait for others to be sent with, in milliseconds: the dashboard shows whole seconds. */
const GATHER_MS = 50
/** So many are sent at once without waiting. */
const GATHER = 500
/** Most that wait for a primary that is slow to take them; what comes beyond is dropped and counted. */
const MAX_WAITING = 50_000

export interface EventSender extends Observer {
  /** Sends what waits, and settles when it is taken. */
  flush(): Promise<void>
}

/**
 * An observer that hands on what it is told to another process.
 *
 * @param send hands observations on and settles when they are taken; never rejects
 * @param lost told how many were dropped since it was last told
 */
export function eventSender(
  send: (observations: readonly Observation[]) => Promise<void>,
  lost: (dropped: number) => void,
): EventSender {
  let gathered: Observation[] = []
  let underWay = 0
  let dropped = 0
  let timer: NodeJS.Timeout | undefined
  /** Changes that there was no room for, summed up by route: what counts up must count down, too. */
  const owed = { onInFlightChange: new Map<string, number>(), onWaitingChange: new Map<string, number>() }

  const isFull = () => underWay + gathered.length >= MAX_WAITING
  const flush = async () => {
    clearTimeout(timer)
    timer = undefined
    if (gathered.length === 0) return
    for (const name of ['onInFlightChange', 'onWaitingChange'] as const) {
      for (const [route, sum] of owed[name])
        for (let left = Math.abs(sum); left > 0; left--) gathered.push([name, route, sum > 0 ? 1 : -1])
      owed[name].clear()
    }
    const sent = gathered
    gathered = []
    underWay += sent.length
    if (dropped > 0) lost(dropped)
    dropped = 0
    await send(sent)
    underWay -= sent.length
  }
  const add = (observation: Observation) => {
    if (isFull()) {
      dropped++
      return
    }
    gathered.push(observation)
    if (gathered.length >= GATHER) flush()
    else timer ??= setTimeout(flush, GATHER_MS).unref()
  }
  const changed = (name: 'onInFlightChange' | 'onWaitingChange', route: string, change: 1 | -1) => {
    if (isFull()) owed[name].set(route, (owed[name].get(route) ?? 0) + change)
    else add([name, route, change])
  }
  return {
    onRequestEnd: (...given) => add(['onRequestEnd', ...given]),
    onInFlightChange: (route, change) => changed('onInFlightChange', route, change),
    onWaitingChange: (route, change) => changed('onWaitingChange', route, change),
    onUpstreamResponse: (...given) => add(['onUpstreamResponse', ...given]),
    onUnreadableResponse: (...given) => add(['onUnreadableResponse', ...given]),
    onLimiterEvent: (route, event) =>
      add([
        'onLimiterEvent',
        route,
        'request' in event ? { ...event, request: senderOf(event.request) } : event,
      ]),
    onStoreOperation: (...given) => add(['onStoreOperation', ...given]),
    flush,
  }
}

/** What observers read of a request. */
function senderOf(request: RequestSender): RequestSender {
  return { client: request.client, ip: addressOf(request) }
}
