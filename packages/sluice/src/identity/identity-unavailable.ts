/**
 * An error for a client that cannot be identified at the moment, through no fault of its own:
 * status 503.
 */
export class IdentityUnavailableError extends Error {
  override readonly name = 'IdentityUnavailableError'
  readonly status = 503
  /** Suggested time until a retry, in milliseconds. */
  readonly retryAfter = 1_000

  constructor(options: { readonly cause: unknown }) {
    super('the credentials of this request cannot be checked at the moment', options)
  }
}
