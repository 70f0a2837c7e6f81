import { isNativeError } from 'node:util/types'

/**
 * The error to give to a framework for what a function threw. Frameworks take `undefined`, and Express also the string
 * 'route', for no error at all: the request would go on without a limit.
 */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error || isNativeError(thrown)) return thrown
  return new Error(`a function of the limit threw ${describe(thrown)}, which is not an Error`, {
    cause: thrown,
  })
}

function describe(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null ? 'an object' : String(thrown).slice(0, 200)
}
