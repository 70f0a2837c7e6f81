import type { LimiterEvent } from 'sluice'
import type { RequestSender } from '../../policy/policy-request.js'
import type { Operation } from './metrics/timed-store.js'
import type { Outcome, TrafficListener } from './request-outcome.js'

/** Is told what a gateway does. It should be quick: requests wait for it. */
export interface Observer extends TrafficListener {
  /** What the limiter of a route tells. */
  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void
  /** The store has done something, or failed to, in so many seconds. */
  onStoreOperation(operation: Operation, seconds: number): void
}

/** Tells several what one is told, as far as each listens. */
export function broadcast(observers: readonly Partial<Observer>[]): Observer {
  return {
    ended(route: string | undefined, outcome: Outcome) {
      for (const observer of observers) observer.ended?.(route, outcome)
    },
    inFlight(route, change) {
      for (const observer of observers) observer.inFlight?.(route, change)
    },
    waiting(route, change) {
      for (const observer of observers) observer.waiting?.(route, change)
    },
    onUpstreamResponse(route, seconds) {
      for (const observer of observers) observer.onUpstreamResponse?.(route, seconds)
    },
    answerUnread(route, reason) {
      for (const observer of observers) observer.answerUnread?.(route, reason)
    },
    onLimiterEvent(route, event) {
      for (const observer of observers) observer.onLimiterEvent?.(route, event)
    },
    onStoreOperation(operation, seconds) {
      for (const observer of observers) observer.onStoreOperation?.(operation, seconds)
    },
  }
}
