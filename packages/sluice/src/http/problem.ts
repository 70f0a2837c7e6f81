import { STATUS_CODES } from 'node:http'
import type { Refusal } from '../limiter/decision.js'
import { ceilToUnit, formatAmount, formatLimit, formatPeriod, formatWait } from '../limits/format-limit.js'
import { currencyOf, type Limit } from '../limits/limit.js'
import type { RequestError } from '../rules/request-error.js'
import type { StoreUnavailableError } from '../stores/resilience/store-unavailable.js'
import { formatInstant } from '../time/format-instant.js'
import { type ErrorShapeOptions, errorHeaders, errorMembers } from './error-shape.js'
import { retryAfterSeconds } from './retry-after.js'

/** A response that is sent without calling the handler. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** Problem types registered by draft-ietf-httpapi-ratelimit-headers-11. */
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded'
const REDUCED_CAPACITY = 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity'

/** An error response before it is written for one client. */
export interface ProblemDetails {
  readonly status: number
  readonly title: string
  readonly detail: string
  /** Members in addition to the standard ones. */
  readonly members: { readonly type?: string; readonly code?: string; readonly [member: string]: unknown }
  /** The refusal that the document reports, if a limit refused the request. */
  readonly refusal?: Refusal
}

/** How a problem document is written for one client. */
export interface Presentation extends Pick<ErrorShapeOptions, 'errorShape'> {
  /**
   * The ID of the request, which becomes the `instance` of the document: `urn:uuid:…` for a UUID,
   * otherwise the ID as a relative reference.
   */
  readonly requestId?: string
  /** Returns a replacement of the status and the detail, or of the whole body as JSON. */
  readonly rewrite?: (details: ProblemDetails, requestId: string | undefined) => RewrittenProblem
}

/** A replacement of a problem document. */
export interface RewrittenProblem {
  readonly status: number
  readonly detail: string
  /** The whole body, as JSON. */
  readonly body?: string
}

/** Creates a problem document (RFC 9457). `members` are added to the standard ones. */
export function problem(
  status: number,
  title: string,
  detail: string,
  members: ProblemDetails['members'] = {},
  presentation: Presentation = {},
): HttpAnswer {
  return answerOf({ status, title, detail, members }, presentation)
}

function answerOf(details: ProblemDetails, { errorShape, requestId, rewrite }: Presentation): HttpAnswer {
  const { title, members, refusal } = details
  const { status, detail, body }: RewrittenProblem = rewrite?.(details, requestId) ?? details
  if (body !== undefined) return { status, headers: [['content-type', 'application/json']], body }
  const { type = 'about:blank', ...others } = members
  const document = {
    ...{ type, title, status, detail },
    ...(requestId !== undefined && { instance: instanceOf(requestId) }),
    ...others,
    ...(errorShape !== undefined &&
      errorMembers(errorShape, {
        status: details.status,
        message: detail,
        code: members.code,
        requestId,
        isQuotaUsedUp: refusal !== undefined && isLongQuota(refusal),
      })),
  }
  return {
    status,
    headers: [['content-type', 'application/problem+json'], ...errorHeaders(errorShape, details.status)],
    body: JSON.stringify(document),
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Returns the URI reference (RFC 9457 section 3.1.5) of a request. */
function instanceOf(requestId: string): string {
  return UUID.test(requestId) ? `urn:uuid:${requestId}` : encodeURIComponent(requestId)
}

const DAY_MS = 86_400_000

/** Reports whether a limit of a day or longer refused: a quota rather than a rate. */
function isLongQuota({ limit }: Refusal): boolean {
  return limit.algorithm !== 'concurrency' && limit.period >= DAY_MS
}

/**
 * Creates the response to a refused request. It states which limit was exceeded and when to retry.
 * The status is 503 if the request timed out waiting for a slot, otherwise 429.
 */
export function refusalProblem(refusal: Refusal, presentation: Presentation = {}): HttpAnswer {
  const { limit, resource, cost, violated } = refusal
  const seconds = retryAfterSeconds(refusal)
  const isBusy = refusal.reason === 'busy'
  const [status, title] = isBusy
    ? ([503, 'Service unavailable'] as const)
    : ([429, 'Too many requests'] as const)
  const members = {
    type: isBusy ? REDUCED_CAPACITY : QUOTA_EXCEEDED,
    'violated-policies': violated,
    limit: formatLimit(limit),
    resource,
    cost: currencyOf(limit) === undefined ? cost : formatAmount(cost, limit),
    reason: refusal.reason,
    ...(seconds !== undefined && { 'retry-after': seconds }),
  }
  return answerOf({ status, title, detail: detailOf(refusal), members, refusal }, presentation)
}

/**
 * Creates the response to a request that cannot be decided at the moment, for example because the
 * store is unavailable: 503 with `Retry-After`. The cause is not disclosed to the client.
 */
export function unavailableProblem(
  { status, retryAfter }: Pick<StoreUnavailableError, 'status' | 'retryAfter'>,
  presentation: Presentation = {},
): HttpAnswer {
  const seconds = Math.max(1, ceilToUnit(retryAfter))
  const detail = `The limits of this request cannot be checked at the moment. Try again in ${formatWait(retryAfter)}.`
  const members = { type: REDUCED_CAPACITY, 'violated-policies': [], 'retry-after': seconds }
  const { headers, ...rest } = problem(status, 'Service unavailable', detail, members, presentation)
  return { ...rest, headers: [...headers, ['retry-after', String(seconds)]] }
}

/** Creates the response to an invalid, unauthenticated or forbidden request. */
export function requestProblem(
  { status, message, code }: RequestError,
  presentation: Presentation = {},
): HttpAnswer {
  const title = STATUS_CODES[status] ?? 'Refused'
  const { headers, ...rest } = problem(status, title, message, code ? { code } : {}, presentation)
  return { ...rest, headers: status === 401 ? [...headers, ['www-authenticate', 'Bearer']] : headers }
}

/** Waits of at least this length are stated with their date. */
const LONG_WAIT_MS = 3_600_000

/** Returns the sentence that says when to retry. It names the date of a long wait. */
function retrySentence({ limit, retryAfter }: Refusal): string {
  const wait = `Try again in ${formatWait(retryAfter)}`
  if (retryAfter < LONG_WAIT_MS) return `${wait}.`
  const timeZone = limit.algorithm === 'fixed-window' ? limit.timeZone : undefined
  const date = formatInstant(Date.now() + retryAfter, timeZone)
  return date === undefined ? `${wait}.` : `${wait}, at ${date}.`
}

function detailOf(refusal: Refusal): string {
  const { limit, resource, cost, remaining, reason } = refusal
  const bound = `The limit is ${boundOf(limit, resource)}.`
  const demand = `This request takes ${amountOf(cost, limit, resource)}`
  if (reason === 'busy')
    return `${bound} All slots are in use, and none became free in time. ${retrySentence(refusal)}`
  if (reason === 'oversized') return `${bound} ${demand}, which is more than the limit can ever hold.`
  return `${bound} ${demand}, but ${restOf(limit, remaining)}. ${retrySentence(refusal)}`
}

function restOf(limit: Limit, remaining: number): string {
  if (currencyOf(limit) !== undefined)
    return remaining === 0 ? 'nothing is left' : `only ${formatAmount(remaining, limit)} is left`
  const state = limit.algorithm === 'concurrency' ? 'free' : 'left'
  if (remaining === 0) return `none are ${state}`
  return `only ${remaining} ${remaining === 1 ? 'is' : 'are'} ${state}`
}

function boundOf(limit: Limit, resource: string): string {
  if (limit.algorithm === 'concurrency') return `${amount(limit.limit, 'requests')} in flight at once`
  const burst =
    limit.algorithm === 'token-bucket' && limit.burst !== limit.limit
      ? `, ${formatAmount(limit.burst, limit)} at once`
      : ''
  return `${amountOf(limit.limit, limit, resource)} per ${formatPeriod(limit.period)}${burst}`
}

/** Formats units of a limit: a count with its resource, or an amount of money. */
function amountOf(units: number, limit: Limit, resource: string): string {
  return currencyOf(limit) === undefined ? amount(units, resource) : formatAmount(units, limit)
}

/** Formats a count with its resource: `1 request`, `5 requests`, `1 input token`. */
function amount(count: number, resource: string): string {
  if (resource === 'concurrent') return count === 1 ? '1 slot' : `${count} slots`
  const words = resource.replaceAll('_', ' ')
  return `${count} ${count === 1 && words.endsWith('s') ? words.slice(0, -1) : words}`
}
