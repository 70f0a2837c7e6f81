import { StoreRequestError } from '../store-request-error.js'

/**
 * The store could not decide because too many wanted the same key at once: other processes changed it between each
 * reading and writing, or too many calls of this process wait. Nothing was taken, or what was taken was given back.
 */
export class StoreContentionError extends StoreRequestError {
  override readonly name = 'StoreContentionError'
}

/** What lies in Memcached under a key of the store was not written by it, or was damaged. Nobody is let in on it. */
export class StoredValueError extends StoreRequestError {
  override readonly name = 'StoredValueError'
}
