/**
 * A request that cannot be weighed or may not be made, through a fault of the request. It took nothing, and should be
 * answered with the status.
 */
export class RequestError extends Error {
  override readonly name: string = 'RequestError'
  /** The status that an HTTP answer should have: 400 where the request lacks what a rule needs. */
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

/**
 * A request whose form is at fault: servers read it in different ways, as two headers of one name, or it cannot be read at
 * all. A rule's `fallbackCost` does not apply to it, since the server behind the limit might read a larger request.
 */
export class MalformedRequestError extends RequestError {
  override readonly name: string = 'MalformedRequestError'
}
