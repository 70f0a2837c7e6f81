import type { Refusal } from '../limiter/decision.js'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import { retryAfterMs } from './retry-after.js'

/** The APIs whose error format can be added to problem documents. */
export const ERROR_SHAPES = ['openai', 'anthropic', 'ollama', 'gemini', 'bedrock'] as const

/** An API whose SDKs read errors in its own format. */
export type ErrorShape = (typeof ERROR_SHAPES)[number]

/** Options that make the SDKs of an API show and handle refusals. */
export interface ErrorShapeOptions {
  /**
   * Adds the error format of an API to the problem document, for SDKs that read only this format:
   *
   * - `openai`: `error` with `message`, `type` and `code`.
   * - `anthropic`: `error` with `type` and `message`, and `request_id`.
   * - `ollama`: `error`, a string.
   * - `gemini`: `error` with `code`, `message` and `status`.
   * - `bedrock`: `message`, and the header `X-Amzn-ErrorType`.
   *
   * Refusals by a limit also get `Retry-After-Ms`, and `X-Should-Retry: false` if a retry is
   * pointless. Default: none.
   */
  readonly errorShape?: ErrorShape
  /**
   * Longest time in milliseconds that an SDK should wait before it retries. A refusal with a longer
   * wait has `X-Should-Retry: false`. At most 2,147,483,647 (24 days), because the timers of SDKs
   * overflow above. Requires `errorShape`. Default: 60,000.
   */
  readonly maxRetryWait?: number
}

const DEFAULT_MAX_RETRY_WAIT_MS = 60_000
/** The longest delay of a JavaScript timer. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Checks the options.
 *
 * @throws TypeError or RangeError that names the invalid option
 */
export function checkErrorShapeOptions({ errorShape, maxRetryWait }: ErrorShapeOptions): void {
  if (errorShape !== undefined && !ERROR_SHAPES.includes(errorShape))
    throw new OptionTypeError(
      ['errorShape'],
      `'errorShape' must be ${ERROR_SHAPES.map((shape) => `'${shape}'`).join(', ')}, not '${String(errorShape)}'`,
    )
  if (maxRetryWait === undefined) return
  if (!(typeof maxRetryWait === 'number' && maxRetryWait >= 0 && maxRetryWait <= MAX_TIMER_MS))
    throw new OptionRangeError(
      ['maxRetryWait'],
      `'maxRetryWait' must be a number of milliseconds from 0 to ${MAX_TIMER_MS}, not ${String(maxRetryWait)}`,
    )
  if (errorShape === undefined)
    throw new OptionTypeError(['maxRetryWait'], "'maxRetryWait' requires 'errorShape'")
}

/** The headers by which an SDK decides whether and when to retry a refused request. */
export function retryHints(
  refusal: Refusal,
  { maxRetryWait = DEFAULT_MAX_RETRY_WAIT_MS }: ErrorShapeOptions,
  hasRetryAfter: boolean,
): (readonly [name: string, value: string])[] {
  const wait = hasRetryAfter ? retryAfterMs(refusal) : undefined
  return [
    ...(wait === undefined ? [] : [['retry-after-ms', String(wait)] as const]),
    ...(refusal.retryAfter > maxRetryWait ? [['x-should-retry', 'false'] as const] : []),
  ]
}

/** An error, described independently of an API. */
export interface ErrorFacts {
  readonly status: number
  readonly message: string
  /** The kind of error, if it has one of its own. */
  readonly code?: string | undefined
  readonly requestId: string | undefined
  /** True if the quota of a day or longer is used up. */
  readonly isQuotaUsedUp: boolean
}

/** Returns the members that report an error in the format of an API. */
export function errorMembers(shape: ErrorShape, facts: ErrorFacts): Readonly<Record<string, unknown>> {
  const { message, requestId } = facts
  // SDKs show only the message, which is what a developer reports.
  return FORMATS[shape]({
    ...facts,
    message: requestId === undefined ? message : `${message} (request ID: ${requestId})`,
  })
}

const FORMATS: Readonly<Record<ErrorShape, (facts: ErrorFacts) => Readonly<Record<string, unknown>>>> = {
  openai({ status, message, code: ownCode, isQuotaUsedUp }) {
    if (isQuotaUsedUp) return openAIError(message, 'insufficient_quota', 'insufficient_quota')
    const { type, code } = OPENAI_ERRORS.get(status) ?? {
      type: status < 500 ? 'invalid_request_error' : 'server_error',
      code: null,
    }
    return openAIError(message, type, ownCode ?? code)
  },
  anthropic({ status, message, requestId }) {
    const type = ANTHROPIC_TYPES.get(status) ?? (status < 500 ? 'invalid_request_error' : 'api_error')
    return { error: { type, message }, ...(requestId !== undefined && { request_id: requestId }) }
  },
  ollama: ({ message }) => ({ error: message }),
  gemini({ status, message }) {
    const name = GEMINI_STATUSES.get(status) ?? (status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL')
    return { error: { code: status, message, status: name } }
  },
  bedrock: ({ message }) => ({ message }),
}

/** Returns the headers that report an error in the format of an API. */
export function errorHeaders(
  shape: ErrorShape | undefined,
  status: number,
): readonly (readonly [name: string, value: string])[] {
  if (shape !== 'bedrock') return []
  const type = BEDROCK_TYPES.get(status)
  return [['x-amzn-errortype', type ?? (status < 500 ? 'ValidationException' : 'InternalServerException')]]
}

function openAIError(message: string, type: string, code: string | null) {
  return { error: { message, type, param: null, code } }
}

const OPENAI_ERRORS: ReadonlyMap<number, { readonly type: string; readonly code: string }> = new Map([
  [401, { type: 'invalid_request_error', code: 'invalid_api_key' }],
  [403, { type: 'invalid_request_error', code: 'permission_denied' }],
  [404, { type: 'invalid_request_error', code: 'unknown_url' }],
  [413, { type: 'invalid_request_error', code: 'request_too_large' }],
  [429, { type: 'rate_limit_error', code: 'rate_limit_exceeded' }],
])

const ANTHROPIC_TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [503, 'overloaded_error'],
  [504, 'timeout_error'],
])

/** The names of the canonical codes of Google's APIs, by the status of the response. */
const GEMINI_STATUSES: ReadonlyMap<number, string> = new Map([
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [408, 'DEADLINE_EXCEEDED'],
  [429, 'RESOURCE_EXHAUSTED'],
  [501, 'UNIMPLEMENTED'],
  [502, 'UNAVAILABLE'],
  [503, 'UNAVAILABLE'],
  [504, 'DEADLINE_EXCEEDED'],
])

const BEDROCK_TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'AccessDeniedException'],
  [403, 'AccessDeniedException'],
  [404, 'ResourceNotFoundException'],
  [408, 'ModelTimeoutException'],
  [429, 'ThrottlingException'],
  [502, 'ServiceUnavailableException'],
  [503, 'ServiceUnavailableException'],
  [504, 'ModelTimeoutException'],
])
