import { OptionTypeError } from '../option-error.js'

/** Selects responses by their status. */
export type StatusFilter = boolean | ((status: number) => boolean)

/** Options that refund requests by the status of their response. */
export interface SkipOptions {
  /**
   * Does not count requests whose response has a status of 400 or more, or one for which a function
   * returns `true`. Such a request is charged at first, and refunded when its response has ended.
   * A request whose client disconnects before the response begins stays charged, so that no client
   * avoids a charge by disconnecting. Slots of `concurrent` are not affected. An error of the
   * function counts as `false`. Default: `false`.
   */
  readonly skipFailed?: StatusFilter
  /**
   * Does not count requests whose response has a status below 400, such as successful logins, or one
   * for which a function returns `true`. Otherwise like `skipFailed`. Default: `false`.
   */
  readonly skipSuccessful?: StatusFilter
}

/**
 * Compiles the options.
 *
 * @returns a function that reports whether a request with this status is refunded; undefined if no
 *   request is
 * @throws TypeError that names the invalid option
 */
export function skippedStatuses(options: SkipOptions): ((status: number) => boolean) | undefined {
  const { skipFailed, skipSuccessful } = options
  const failed = filterOf('skipFailed', skipFailed, (status) => status >= 400)
  const successful = filterOf('skipSuccessful', skipSuccessful, (status) => status < 400)
  if (skipFailed === true && skipSuccessful === true)
    throw new OptionTypeError(
      ['skipSuccessful'],
      "'skipFailed' and 'skipSuccessful' together would count no request; set only one of them",
    )
  if (failed === undefined || successful === undefined) return failed ?? successful
  return (status) => failed(status) || successful(status)
}

function filterOf(
  option: keyof SkipOptions,
  filter: StatusFilter | undefined,
  byDefault: (status: number) => boolean,
): ((status: number) => boolean) | undefined {
  if (filter === undefined || filter === false) return undefined
  if (filter === true) return byDefault
  if (typeof filter !== 'function')
    throw new OptionTypeError(
      [option],
      `'${option}' must be true, false or a function of the status, not '${String(filter)}'`,
    )
  return (status) => {
    try {
      return filter(status) === true
    } catch {
      // The response has been sent, so the error cannot be handled.
      return false
    }
  }
}
