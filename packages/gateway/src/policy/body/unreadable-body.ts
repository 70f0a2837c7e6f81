import { MalformedRequestError } from 'sluice'

/**
 * A body that a rule needs and that cannot be read: another media type, encoding or charset (415),
 * too costly to parse (413), or invalid (400). A route with `on_unreadable: pass` admits the
 * request anyway.
 */
export class UnreadableBodyError extends MalformedRequestError {
  override readonly name = 'UnreadableBodyError'
}
