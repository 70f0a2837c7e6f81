import { suggestThenList } from './did-you-mean.js'

/**
 * Names of options and indexes into lists, outermost first. Empty if the whole argument is wrong.
 */
export type OptionPath = readonly (string | number)[]

/**
 * - `invalid`: the option is missing, has a wrong value, or conflicts with another option.
 * - `unknown_option`: no option has this name.
 * - `fixed_window_only`: `align` or `timeZone` without `algorithm: 'fixed-window'`.
 * - `calendar_only`: `timeZone` without `align: 'calendar'`.
 */
export type OptionErrorCode = 'invalid' | 'unknown_option' | 'fixed_window_only' | 'calendar_only'

/**
 * An error about one option: a TypeError, a RangeError or a LimitSyntaxError. It carries the path
 * of the option as data, so a program can locate the option without parsing the message:
 *
 *     try {
 *       createLimiter({ rules: [{ limit: '10/minute', tiers: { gold: 0 } }] })
 *     } catch (error) {
 *       if (isOptionError(error)) console.log(error.path) // [ 'rules', 0, 'tiers', 'gold' ]
 *     }
 */
export interface OptionError extends Error {
  /** The path of the option in the argument, such as `['rules', 0, 'timeZone']`. */
  readonly path: OptionPath
  readonly code: OptionErrorCode
  /** The message without the prefix that names the rule, such as `rules[0]: `. */
  readonly reason: string
}

/** Marks option errors, including those of another copy of the library in the same process. */
const MARK = Symbol.for('sluice.OptionError')

/** Reports whether the library threw this error because of a wrong option. */
export function isOptionError(error: unknown): error is OptionError {
  return error instanceof Error && MARK in error
}

/** An error for an option of a wrong type or name, or for one that conflicts with another. */
export class OptionTypeError extends TypeError implements OptionError {
  readonly reason: string
  constructor(
    readonly path: OptionPath,
    message: string,
    readonly code: OptionErrorCode = 'invalid',
  ) {
    super(message)
    this.reason = message
  }
}

/** An error for an option whose value is out of range. */
export class OptionRangeError extends RangeError implements OptionError {
  readonly code = 'invalid'
  readonly reason: string
  constructor(
    readonly path: OptionPath,
    message: string,
  ) {
    super(message)
    this.reason = message
  }
}

/**
 * Creates the error for an unknown option: `a limiter has no option 'rule'; did you mean 'rules'?
 * Its options are …`.
 *
 * @param subject the object that takes the options, such as `a limiter`
 */
export function unknownOption(subject: string, option: string, known: readonly string[]): OptionTypeError {
  const hint = suggestThenList(option, known, `its options are ${known.join(', ')}`)
  return new OptionTypeError([option], `${subject} has no option '${option}'${hint}`, 'unknown_option')
}

/**
 * Marks an error class for `isOptionError`, with a non-enumerable property that logs do not print.
 */
export function markOptionError(errorClass: { readonly prototype: OptionError }): void {
  Object.defineProperty(errorClass.prototype, MARK, { value: true })
}

markOptionError(OptionTypeError)
markOptionError(OptionRangeError)

/**
 * Runs a check. If it throws an option error, changes the error's path to be relative to the
 * caller's argument.
 */
export function relocate<T>(check: () => T, change: (path: OptionPath) => OptionPath): T {
  try {
    return check()
  } catch (error) {
    if (isOptionError(error)) Object.assign(error, { path: change(error.path) })
    throw error
  }
}
