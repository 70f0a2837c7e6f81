import { HttpError } from './exchange.js'

/** Position in the body, such as `['body', 'features', 1]`. */
export type Position = readonly (string | number)[]

export interface Problem {
  readonly loc: Position
  readonly msg: string
}

/** Maximum number of problems that a response reports. */
const MAX_PROBLEMS = 20

/** Validates one value. If it adds problems, its result must not be used. */
export type Reader<Value> = (value: unknown, loc: Position, problems: Problem[]) => Value

/**
 * Validates a whole body, so that one response reports all of its problems, up to 20.
 *
 * @throws HttpError 422
 */
export function parse<Value>(body: unknown, read: Reader<Value>): Value {
  const problems: Problem[] = []
  const value = read(body, ['body'], problems)
  if (problems.length > 0) throw new HttpError(422, problems.slice(0, MAX_PROBLEMS))
  return value
}

/** Creates a 422 error with one problem. */
export function invalid(loc: Position, msg: string): HttpError {
  return new HttpError(422, [{ loc, msg }])
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
