/**
 * An error caused by the request itself: its cost cannot be computed, or it is forbidden. The
 * request is not charged. The response should have the status of the error.
 */
export class RequestError extends Error {
  override readonly name: string = 'RequestError'
  /** The status of the HTTP response: 400 if the request lacks something that a rule needs. */
  readonly status: number
  /** Identifies the kind of error for programs, such as `model_not_priced`. */
  readonly code: string | undefined

  constructor(message: string, status = 400, code?: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/**
 * An error for a malformed or ambiguous request, such as one with a duplicate header. The
 * `fallbackCost` of a rule does not apply, because the upstream might interpret it as a more
 * expensive request.
 */
export class MalformedRequestError extends RequestError {
  override readonly name: string = 'MalformedRequestError'
}
