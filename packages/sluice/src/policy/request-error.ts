/** A request that a rule cannot weigh, through a fault of the request: it should be answered with 400. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  /** The status that an HTTP answer should have. */
  readonly status = 400
}
