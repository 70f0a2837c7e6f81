/**
 * Thrown when a working store cannot decide a single request: another program wrote the
 * value of a key, the server is out of memory, or too many processes change the same key. A failure
 * policy then decides the request, and the store remains in use for all others.
 */
export class StoreRequestError extends Error {
  override readonly name: string = 'StoreRequestError'
}
