/**
 * Whether an error of a store tells of a mistake in what it was asked, and not of the store. Clients such as `fetch` wrap
 * what failed below them in a TypeError, and hand it over as the cause.
 */
export function isCallerError(error: unknown): boolean {
  return (error instanceof TypeError || error instanceof RangeError) && error.cause === undefined
}
