import { isNativeError } from 'node:util/types'

/**
 * Returns the error to pass to a framework for a thrown value. Frameworks treat `undefined`, and
 * Express also the string `route`, as no error: the request would continue without a limit.
 */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error || isNativeError(thrown)) return thrown
  return new Error(`a function passed to the limit threw ${describe(thrown)}, which is not an Error`, {
    cause: thrown,
  })
}

function describe(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null ? 'an object' : String(thrown).slice(0, 200)
}
