/**
 * Errors of wrong options. Each carries the place of the option as data, so that a program can point at it without reading
 * the message:
 *
 *     try {
 *       createLimiter({ rules: [{ limit: '10/minute', tiers: { gold: 0 } }] })
 *     } catch (error) {
 *       if (isOptionError(error)) console.log(error.path) // [ 'rules', 0, 'tiers', 'gold' ]
 *     }
 */

/** Names of options and indexes into lists, from the outermost. Empty where the whole argument is wrong. */
export type OptionPath = readonly (string | number)[]

/**
 * - `invalid`: the option is missing, has a wrong value, or conflicts with another option.
 * - `unknown_option`: no option has this name.
 * - `fixed_window_only`: `align` or `timeZone` without `algorithm: 'fixed-window'`.
 * - `calendar_only`: `timeZone` without `align: 'calendar'`.
 */
export type OptionErrorCode = 'invalid' | 'unknown_option' | 'fixed_window_only' | 'calendar_only'

/** An error about one option: a TypeError, a RangeError or a LimitSyntaxError. */
export interface OptionError extends Error {
  /** Where the option is in what was passed, such as `['rules', 0, 'timeZone']`. */
  readonly path: OptionPath
  readonly code: OptionErrorCode
  /** The message without the `rules[0]: ` that names the rule. */
  readonly reason: string
}

/** Marks option errors, also those of another copy of the library in the same process. */
const MARK = Symbol.for('sluice.OptionError')

/** Whether the library threw this error because an option is wrong. */
export function isOptionError(error: unknown): error is OptionError {
  return error instanceof Error && MARK in error
}

/** An option of a wrong type or name, or one that conflicts with another. */
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

/** An option whose value is out of range. */
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

/** Makes `isOptionError` true of the instances of an error class, without a property that a log would show. */
export function markOptionError(errorClass: { readonly prototype: OptionError }): void {
  Object.defineProperty(errorClass.prototype, MARK, { value: true })
}

markOptionError(OptionTypeError)
markOptionError(OptionRangeError)

/**
 * Runs a check and changes the path of the option error that it throws: to where the value is in what the caller of the library
 * passed.
 */
export function relocate<T>(check: () => T, change: (path: OptionPath) => OptionPath): T {
  try {
    return check()
  } catch (error) {
    if (isOptionError(error)) Object.assign(error, { path: change(error.path) })
    throw error
  }
}
