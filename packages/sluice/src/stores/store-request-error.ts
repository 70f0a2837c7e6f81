/**
 * A store that works cannot decide one request: a key holds a foreign value, the server is out of
 * memory, or too many processes change one key. A failure policy decides the request, and the
 * store stays in use for all others.
 */
export class StoreRequestError extends Error {
  override readonly name: string = 'StoreRequestError'
}
