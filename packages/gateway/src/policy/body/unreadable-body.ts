import { MalformedRequestError } from 'sluice'

/**
 * Thrown for a body that a rule needs but cannot read. Its media type, encoding or charset is
 * unsupported (415), it is too costly to parse (413), or it is invalid (400). A route with
 * `on_unreadable: pass` admits the request anyway.
 */
export class UnreadableBodyError extends MalformedRequestError {
  override readonly name = 'UnreadableBodyError'
}
