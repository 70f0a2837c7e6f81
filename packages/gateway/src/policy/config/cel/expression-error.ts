import { RequestError } from 'sluice'

/** An expression cannot be worked out for a request. The message is for those who run the gateway, not for clients. */
export class ExpressionError extends RequestError {
  override readonly name = 'ExpressionError'

  /** @param reason says nothing of what the client sent */
  constructor(
    purpose: string,
    source: string,
    readonly reason: string,
  ) {
    super(`the rule's ${purpose} \`${source}\` cannot be worked out: ${reason}`)
  }
}
