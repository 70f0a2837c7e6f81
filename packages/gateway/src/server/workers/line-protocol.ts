import type { Dispatch, LineCandidate, ServedWork, Unserved } from 'sluice/internal'

/**
 * A report of a worker on requests that wait in the lines of the primary, and on the service of
 * requests that were admitted. `id` is unique within the worker.
 */
export type LineCall =
  | { readonly operation: 'ahead'; readonly id: number; readonly candidate: LineCandidate }
  | {
      readonly operation: 'enter'
      readonly id: number
      readonly candidate: LineCandidate
      readonly poolId: string
      readonly minWaitMs: number
      /** True if the request may be decided early. */
      readonly canCheck: boolean
    }
  /** The client has disconnected. */
  | { readonly operation: 'leave'; readonly id: number }
  | { readonly operation: 'attempted'; readonly id: number; readonly attempt: RemoteAttempt }
  | { readonly operation: 'checked'; readonly id: number; readonly isDecided: boolean }
  | { readonly operation: 'begin'; readonly id: number; readonly poolId: string; readonly dispatch: Dispatch }
  | { readonly operation: 'service'; readonly id: number; readonly report: ServiceReport }
  | {
      readonly operation: 'freed'
      readonly scope: string
      readonly key: string
      readonly heldMs: number | undefined
    }

/** An attempt that a worker made. The worker keeps the decision or the error. */
export type RemoteAttempt =
  | { readonly retryInMs: number; readonly poolId: string }
  | { readonly kept: 'decision' | 'error' }

/** What happened to the service of an admitted request. */
export type ServiceReport =
  | { readonly kind: 'began' }
  | { readonly kind: 'wrote'; readonly output: number; readonly shown: number }
  | { readonly kind: 'served'; readonly work: ServedWork }
  | {
      readonly kind: 'rejected'
      readonly reason: 'overloaded' | 'error'
      readonly retryAfterMs: number | undefined
    }
  | { readonly kind: 'takenBack' }
  | { readonly kind: 'ended' }

/** A message of the primary on a request that waits. */
export type LineReply =
  | {
      readonly reply: 'ahead'
      readonly id: number
      readonly ahead: { readonly poolId: string; readonly isFull: boolean } | undefined
    }
  /** The request is first: the worker decides. */
  | { readonly reply: 'attempt'; readonly id: number }
  /** The worker checks whether the request can be decided early. */
  | { readonly reply: 'check'; readonly id: number }
  /** The request has left its line: with what the worker keeps, or unserved. */
  | { readonly reply: 'left'; readonly id: number; readonly outcome: Unserved | { readonly kept: true } }
  /** The request had left its line before the worker decided. */
  | { readonly reply: 'late'; readonly id: number }
  /** Whether no request of any worker waits. Sent on each change. */
  | { readonly reply: 'idle'; readonly areIdle: boolean }
