import type { LimiterEvent } from 'sluice'
import type { RequestSender } from '../../policy/policy-request.js'
import type { StoreOperation } from './metrics/timed-store.js'
import type { RequestOutcome, TrafficObserver } from './request-outcome.js'

/** Is told what a gateway does. It should be quick: requests wait for it. */
export interface Observer extends TrafficObserver {
  /** What the limiter of a route tells. */
  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void
  /** The store has done something, or failed to, in so many seconds. */
  onStoreOperation(operation: StoreOperation, seconds: number): void
}

/** Tells several what one is told, as far as each listens. */
export function broadcast(observers: readonly Partial<Observer>[]): Observer {
  return {
    onRequestEnd(route: string | undefined, outcome: RequestOutcome) {
      for (const observer of observers) observer.onRequestEnd?.(route, outcome)
    },
    onInFlightChange(route, change) {
      for (const observer of observers) observer.onInFlightChange?.(route, change)
    },
    onWaitingChange(route, change) {
      for (const observer of observers) observer.onWaitingChange?.(route, change)
    },
    onUpstreamResponse(route, seconds) {
      for (const observer of observers) observer.onUpstreamResponse?.(route, seconds)
    },
    onUnreadableResponse(route, reason) {
      for (const observer of observers) observer.onUnreadableResponse?.(route, reason)
    },
    onLimiterEvent(route, event) {
      for (const observer of observers) observer.onLimiterEvent?.(route, event)
    },
    onStoreOperation(operation, seconds) {
      for (const observer of observers) observer.onStoreOperation?.(operation, seconds)
    },
  }
}
