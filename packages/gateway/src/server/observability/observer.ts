import type { LimiterEvent } from 'sluice'
import type { RequestSender } from '../../policy/policy-request.js'
import type { StoreOperation } from './metrics/timed-store.js'
import type { ModelAnswer } from './model-answer.js'
import type { RequestOutcome, TrafficObserver } from './request-outcome.js'

/** Receives the events of a gateway. Handlers must be fast, because requests wait for them. */
export interface Observer extends TrafficObserver {
  /** The limiter of a route emitted an event. */
  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void
  /** A store operation succeeded or failed after `seconds`. */
  onStoreOperation(operation: StoreOperation, seconds: number): void
}

/** Returns an observer that forwards each event to all observers that handle it. */
export function broadcast(observers: readonly Partial<Observer>[]): Observer {
  const ofModels = observers.filter(({ onModelAnswer }) => onModelAnswer !== undefined)
  return {
    ...(ofModels.length > 0 && {
      onModelAnswer(route: string, answer: ModelAnswer) {
        for (const observer of ofModels) observer.onModelAnswer?.(route, answer)
      },
    }),
    onRequestEnd(route: string | undefined, outcome: RequestOutcome) {
      for (const observer of observers) observer.onRequestEnd?.(route, outcome)
    },
    onBlocked(route, request, block) {
      for (const observer of observers) observer.onBlocked?.(route, request, block)
    },
    onInFlightChange(route, change) {
      for (const observer of observers) observer.onInFlightChange?.(route, change)
    },
    onWaitingChange(route, change) {
      for (const observer of observers) observer.onWaitingChange?.(route, change)
    },
    onUpstreamResponse(route, seconds, status, requestId, traceId) {
      for (const observer of observers)
        observer.onUpstreamResponse?.(route, seconds, status, requestId, traceId)
    },
    onUnreadableResponse(route, reason) {
      for (const observer of observers) observer.onUnreadableResponse?.(route, reason)
    },
    onStreamExhausted(route, action) {
      for (const observer of observers) observer.onStreamExhausted?.(route, action)
    },
    onLimiterEvent(route, event) {
      for (const observer of observers) observer.onLimiterEvent?.(route, event)
    },
    onStoreOperation(operation, seconds) {
      for (const observer of observers) observer.onStoreOperation?.(operation, seconds)
    },
  }
}
