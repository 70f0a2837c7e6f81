import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import type { Client } from './client.js'
import { RequestError } from './request-error.js'

/** What is told to who may not make a request. */
export interface Refusing {
  /** 400 to 499. Default 403. */
  readonly status?: number
  /** Default `Forbidden`. */
  readonly detail?: string
}

/** Such a request may not be made: `require` does not hold for it. */
export class ForbiddenError extends RequestError {
  override readonly name = 'ForbiddenError'

  constructor(message: string, status = 403) {
    super(message, status)
  }
}

/** Throws ForbiddenError, or rejects with it, for a request that may not be made. */
export type Requirement<Request> = (request: Request, client: Client | undefined) => MaybePromise<void>

/** @throws TypeError, RangeError */
export function compileRequirement<Request>(options: {
  readonly require?: (request: Request, client: Client | undefined) => MaybePromise<boolean>
  readonly refuseWith?: Refusing
}): Requirement<Request> | undefined {
  const { require: holds, refuseWith } = options
  if (holds === undefined) {
    if (refuseWith !== undefined)
      throw new OptionTypeError(['refuseWith'], "'refuseWith' goes with 'require'")
    return undefined
  }
  if (typeof holds !== 'function')
    throw new OptionTypeError(['require'], "'require' is a function of the request and its client")
  const { status = 403, detail = 'Forbidden' } = refuseWith ?? {}
  if (!(Number.isInteger(status) && status >= 400 && status <= 499))
    throw new OptionRangeError(
      ['refuseWith', 'status'],
      `the status of 'refuseWith' is from 400 to 499, not ${String(status)}`,
    )
  const check = (answer: unknown) => {
    // What is not a clear yes is a no.
    if (answer !== true) throw new ForbiddenError(detail, status)
  }
  return (request, client) => andThen(toMaybePromise<unknown>(holds(request, client)), check)
}
