import type { Decision } from 'sluice'
import type { Amounts } from '../../policy/llm/usage.js'
import type { TraceRequest } from '../trace/trace-request.js'

/** What came of a request. */
export type Outcome =
  | { readonly kind: 'allowed'; readonly decision: Extract<Decision, { readonly allowed: true }> }
  | { readonly kind: 'refused'; readonly decision: Extract<Decision, { readonly allowed: false }> }
  /** No limit concerns it. */
  | { readonly kind: 'unlimited' }
  /** What the route requires does not hold. */
  | { readonly kind: 'forbidden'; readonly why: string }
  /** It cannot be weighed, by what is recorded of it. */
  | { readonly kind: 'invalid'; readonly why: string }
  /** No route takes it. */
  | { readonly kind: 'unrouted' }

/** A request that was decided on. */
export interface Played {
  readonly recorded: TraceRequest
  /** Its number in the order of time, from 0. */
  readonly number: number
  /** The route's name; undefined where none takes it. */
  readonly route: string | undefined
  readonly outcome: Outcome
  /** When it came in and when it was decided on, which is later where it waited for a slot. In milliseconds of the trace. */
  readonly cameAt: number
  readonly decidedAt: number
  /** Whether it was let in and is yet to be settled, or to free slots that it holds. */
  readonly goesOn: boolean
}

/** Is told what becomes of a request that was let in. */
export interface CompletionHandler {
  /** What it cost in truth, at its end. */
  settled(costs: Amounts): void
  /** It has ended: its slots are free. */
  ended(): void
}

/** Is told of what happens in a replay, at the time at which it does. */
export interface ReplayObserver {
  decided(played: Played): CompletionHandler | undefined
}
