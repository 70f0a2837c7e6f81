import { MalformedRequestError } from 'sluice'

/**
 * A body that a rule reads and that cannot be read: of another media type, encoding or charset (415), too costly to parse
 * (413), or not valid (400). A route with `on_unreadable: pass` lets the request in all the same.
 */
export class UnreadableBodyError extends MalformedRequestError {
  override readonly name = 'UnreadableBodyError'
}
