import type { Decision } from 'sluice'
import type { Amounts } from '../../policy/llm/usage.js'
import type { TraceRequest } from '../trace/trace-request.js'

/** Outcome of a replayed request. */
export type Outcome =
  | { readonly kind: 'allowed'; readonly decision: Extract<Decision, { readonly allowed: true }> }
  | { readonly kind: 'refused'; readonly decision: Extract<Decision, { readonly allowed: false }> }
  /** No limit applies. */
  | { readonly kind: 'unlimited' }
  /** The `require` expression of the route is false. */
  | { readonly kind: 'forbidden'; readonly why: string }
  /** The record lacks a value that the rules need. */
  | { readonly kind: 'invalid'; readonly why: string }
  /** The client stopped waiting for a limit. */
  | { readonly kind: 'abandoned' }
  /** No route matches. */
  | { readonly kind: 'unrouted' }

/** A request and the decision on it. */
export interface Played {
  readonly recorded: TraceRequest
  /** Index in chronological order, from 0. */
  readonly number: number
  /** Name of the route; undefined if none matches. */
  readonly route: string | undefined
  readonly outcome: Outcome
  /** Time of arrival, in milliseconds of the trace. */
  readonly cameAt: number
  /** Time of the decision, which is later than the arrival if the request waited for a limit. */
  readonly decidedAt: number
  /** True if the request was admitted and will be settled or release slots later. */
  readonly goesOn: boolean
}

/** Receives the completion of an admitted request. */
export interface CompletionHandler {
  /** The reservation of the request has grown by these costs. */
  extended(costs: Partial<Amounts>): void
  /** The request has used up its reservation while a limit could not hold more. Called once. */
  exhausted(): void
  /** The request is settled with its actual costs, as far as they are known. */
  settled(costs: Partial<Amounts>): void
  /** The request has ended and released its slots. */
  ended(): void
}

/** Receives the decisions of a replay as they are made. */
export interface ReplayObserver {
  decided(played: Played): CompletionHandler | undefined
}
