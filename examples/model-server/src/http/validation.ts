import { HttpError } from './exchange.js'

/** Where in the body something is, such as `['body', 'features', 1]`. */
export type Place = readonly (string | number)[]

export interface Problem {
  readonly loc: Place
  readonly msg: string
}

/** How many problems one answer tells about: a client with a thousand wrong rows learns nothing from the last ones. */
const PROBLEM_LIMIT = 20

/** Looks at one value. Where it is wrong it notes problems, and what it returns is not used. */
export type Reader<Value> = (value: unknown, loc: Place, problems: Problem[]) => Value

/**
 * Reads a body as a whole, so that one answer tells of everything that is wrong.
 *
 * @throws HttpError 422
 */
export function parse<Value>(body: unknown, read: Reader<Value>): Value {
  const problems: Problem[] = []
  const value = read(body, ['body'], problems)
  if (problems.length > 0) throw new HttpError(422, problems.slice(0, PROBLEM_LIMIT))
  return value
}

/** 422, for one problem. */
export function invalid(loc: Place, msg: string): HttpError {
  return new HttpError(422, [{ loc, msg }])
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
