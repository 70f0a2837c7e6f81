/**
 * The store works, but it cannot decide this request: a key holds what the store did not write, the server has no memory
 * left, or too many processes change one key. A failure policy decides such a request, and the store goes on with the others.
 */
export class StoreRequestError extends Error {
  override readonly name: string = 'StoreRequestError'
}
