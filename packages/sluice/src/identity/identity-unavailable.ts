/** Who the client is cannot be found out at the moment, through no fault of the request: 503. */
export class IdentityUnavailableError extends Error {
  override readonly name = 'IdentityUnavailableError'
  readonly status = 503
  /** When to come back, in milliseconds. */
  readonly retryAfter = 1_000

  constructor(options: { readonly cause: unknown }) {
    super('the credentials of this request cannot be checked at the moment', options)
  }
}
