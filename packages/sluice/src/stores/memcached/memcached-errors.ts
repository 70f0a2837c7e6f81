import { StoreRequestError } from '../store-request-error.js'

/**
 * Thrown under too much contention: other processes changed a key between every read and write, or
 * too many calls of this process are queued. Nothing remains taken.
 */
export class StoreContentionError extends StoreRequestError {
  override readonly name = 'StoreContentionError'
}

/**
 * Thrown when the value of a key is damaged or was not written by the store. No request to the key
 * is admitted.
 */
export class StoredValueError extends StoreRequestError {
  override readonly name = 'StoredValueError'
}
