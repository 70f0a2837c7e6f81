import { OptionRangeError, OptionTypeError, relocate } from '../option-error.js'
import { parseDuration } from '../time/duration.js'
import type { Rule } from './rule.js'

/** How requests wait until a rule admits them. */
export interface WaitOptions {
  readonly timeoutMs: number
  /** Maximum number of requests that wait for one key of the rule. */
  readonly maxQueued: number
  /** True if all requests in the queue of a key come from one client. */
  readonly isPerClient: boolean
}

const DEFAULT_QUEUE = 100
const MAX_QUEUE = 10_000
/** The longest wait that a single Node timer supports, rounded down to whole days. */
export const MAX_WAIT_MS = 24 * 86_400_000

/** Compiles the wait options of a rule. Undefined if its requests do not wait. */
export function waitingOf<Request>(rule: Rule<Request>): WaitOptions | undefined {
  const { wait, queue, enforce, by } = rule
  if (wait !== undefined && enforce === false)
    throw new OptionTypeError(
      ['wait'],
      "a shadow rule cannot have 'wait', because it never refuses a request",
    )
  const isPerClient = by === undefined || [by].flat().some((part) => part === 'client' || part === 'ip')
  return readWaiting(wait, queue, isPerClient)
}

/**
 * Validates the options `wait` and `queue`. Returns undefined without `wait`.
 *
 * @throws OptionError that names the invalid option.
 */
export function readWaiting(
  wait: number | string | undefined,
  queue: number | undefined,
  isPerClient: boolean,
): WaitOptions | undefined {
  if (wait === undefined) {
    if (queue !== undefined)
      throw new OptionTypeError(['queue'], "'queue' requires 'wait', such as wait: '2s'")
    return undefined
  }
  const timeoutMs = relocate(
    () => parseDuration(wait),
    () => ['wait'],
  )
  if (timeoutMs > MAX_WAIT_MS) throw new OptionRangeError(['wait'], "'wait' must be at most 24 days")
  const maxQueued = queue ?? DEFAULT_QUEUE
  if (!(Number.isInteger(maxQueued) && maxQueued >= 1 && maxQueued <= MAX_QUEUE))
    throw new OptionRangeError(
      ['queue'],
      `'queue' must be a whole number from 1 to ${MAX_QUEUE}, not ${String(maxQueued)}`,
    )
  return { timeoutMs, maxQueued, isPerClient }
}
