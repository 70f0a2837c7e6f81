/**
 * Reports whether a store's error is caused by invalid arguments rather than by the store itself.
 *
 * Clients such as `fetch` wrap network failures in a TypeError and set `cause`. An error with a
 * cause therefore counts as a failure of the store.
 */
export function isCallerError(error: unknown): boolean {
  return (error instanceof TypeError || error instanceof RangeError) && error.cause === undefined
}
