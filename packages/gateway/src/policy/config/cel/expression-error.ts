import { RequestError } from 'sluice'

/** Thrown when an expression fails for a request. The message is for operators, not for clients. */
export class ExpressionError extends RequestError {
  override readonly name = 'ExpressionError'

  /** @param reason contains nothing that the client sent */
  constructor(
    purpose: string,
    source: string,
    readonly reason: string,
  ) {
    super(`the rule's ${purpose} \`${source}\` cannot be used: ${reason}`)
  }
}
