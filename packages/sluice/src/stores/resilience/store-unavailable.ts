/**
 * The store does not respond, and the failure policy is `closed`. HTTP adapters send status 503
 * with `Retry-After`.
 */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
  /** HTTP status of the response. */
  readonly status = 503
  /** Milliseconds after which a retry is useful. */
  readonly retryAfter: number

  /** `operation` names what could not be done. `cause` is the store's error. */
  constructor(operation: string, retryAfter: number, cause: unknown) {
    super(`${operation}: the store does not respond (${reasonOf(cause)})`, { cause })
    this.retryAfter = retryAfter
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause)
}
