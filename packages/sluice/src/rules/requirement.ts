import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import type { Client } from './client.js'
import { RequestError } from './request-error.js'

/** The response to a request that `require` rejects. */
export interface Refusing {
  /** HTTP status from 400 to 499. Default 403. */
  readonly status?: number
  /** The message to the client. Default `Forbidden`. */
  readonly detail?: string
}

/** An error for a request that `require` rejects. The default status is 403. */
export class ForbiddenError extends RequestError {
  override readonly name = 'ForbiddenError'

  constructor(message: string, status = 403, code?: string) {
    super(message, status, code)
  }
}

/** Throws or rejects with a ForbiddenError for a request that is not permitted. */
export type Requirement<Request> = (request: Request, client: Client | undefined) => MaybePromise<void>

/**
 * Compiles the options `require` and `refuseWith`.
 *
 * @throws TypeError, RangeError that name the invalid option.
 */
export function compileRequirement<Request>(options: {
  readonly require?: (request: Request, client: Client | undefined) => MaybePromise<boolean>
  readonly refuseWith?: Refusing
}): Requirement<Request> | undefined {
  const { require: isPermitted, refuseWith } = options
  if (isPermitted === undefined) {
    if (refuseWith !== undefined) throw new OptionTypeError(['refuseWith'], "'refuseWith' requires 'require'")
    return undefined
  }
  if (typeof isPermitted !== 'function')
    throw new OptionTypeError(['require'], "'require' must be a function of the request and its client")
  const { status = 403, detail = 'Forbidden' } = refuseWith ?? {}
  if (!(Number.isInteger(status) && status >= 400 && status <= 499))
    throw new OptionRangeError(
      ['refuseWith', 'status'],
      `the status of 'refuseWith' must be from 400 to 499, not ${String(status)}`,
    )
  const check = (result: unknown) => {
    // Fail closed: only `true` permits the request.
    if (result !== true) throw new ForbiddenError(detail, status)
  }
  return (request, client) => andThen(toMaybePromise<unknown>(isPermitted(request, client)), check)
}
