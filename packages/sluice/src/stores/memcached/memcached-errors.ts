import { StoreRequestError } from '../store-request-error.js'

/**
 * Too many calls want the same key at once: other processes changed it between each read and write,
 * or too many calls of this process are queued. Nothing was taken, or it was refunded.
 */
export class StoreContentionError extends StoreRequestError {
  override readonly name = 'StoreContentionError'
}

/** The value of a key was damaged or not written by the store. The key admits no request. */
export class StoredValueError extends StoreRequestError {
  override readonly name = 'StoredValueError'
}
