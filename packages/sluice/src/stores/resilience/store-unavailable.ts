/**
 * The store does not answer, and nothing may be decided without it. HTTP adapters answer 503 with `Retry-After`.
 */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
  /** The HTTP status that says so. */
  readonly status = 503
  /** Milliseconds until it is worth asking again. */
  readonly retryAfter: number

  /** `cause` is what the store failed with. */
  constructor(what: string, retryAfter: number, cause: unknown) {
    super(`${what}: the store does not answer (${reasonOf(cause)})`, { cause })
    this.retryAfter = retryAfter
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause)
}
