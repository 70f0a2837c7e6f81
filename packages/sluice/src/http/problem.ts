import { STATUS_CODES } from 'node:http'
import type { Refusal } from '../limiter/decision.js'
import { ceilToUnit, formatLimit, formatPeriod, formatWait } from '../limits/format-limit.js'
import type { Limit } from '../limits/limit.js'
import type { RequestError } from '../rules/request-error.js'
import type { StoreUnavailableError } from '../stores/resilience/store-unavailable.js'

/** A response that is sent without calling the handler. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** Problem types registered by draft-ietf-httpapi-ratelimit-headers-11. */
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded'
const REDUCED_CAPACITY = 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity'

/** Creates a problem document (RFC 9457). `members` are added to the standard ones. */
export function problem(
  status: number,
  title: string,
  detail: string,
  members: { readonly type?: string; readonly [member: string]: unknown } = {},
): HttpAnswer {
  const { type = 'about:blank', ...others } = members
  const body = JSON.stringify({ type, title, status, detail, ...others })
  return { status, headers: [['content-type', 'application/problem+json']], body }
}

/**
 * Creates the response to a refused request. It states which limit was exceeded and when to retry.
 * The status is 503 if the request timed out waiting for a slot, otherwise 429.
 */
export function refusalProblem(refusal: Refusal): HttpAnswer {
  const { limit, resource, cost, violated } = refusal
  const seconds = retryAfterSeconds(refusal)
  const isBusy = refusal.reason === 'busy'
  const [status, title] = isBusy
    ? ([503, 'Service unavailable'] as const)
    : ([429, 'Too many requests'] as const)
  return problem(status, title, detailOf(refusal), {
    type: isBusy ? REDUCED_CAPACITY : QUOTA_EXCEEDED,
    'violated-policies': violated,
    limit: formatLimit(limit),
    resource,
    cost,
    reason: refusal.reason,
    ...(seconds !== undefined && { 'retry-after': seconds }),
  })
}

/**
 * Creates the response to a request that cannot be decided at the moment, for example because the
 * store is unavailable: 503 with `Retry-After`. The cause is not disclosed to the client.
 */
export function unavailableProblem({
  status,
  retryAfter,
}: Pick<StoreUnavailableError, 'status' | 'retryAfter'>): HttpAnswer {
  const seconds = Math.max(1, ceilToUnit(retryAfter))
  const detail = `The limits of this request cannot be checked at the moment. Try again in ${formatWait(retryAfter)}.`
  const { headers, ...rest } = problem(status, 'Service unavailable', detail, {
    type: REDUCED_CAPACITY,
    'violated-policies': [],
    'retry-after': seconds,
  })
  return { ...rest, headers: [...headers, ['retry-after', String(seconds)]] }
}

/** Creates the response to an invalid, unauthenticated or forbidden request. */
export function requestProblem({ status, message }: RequestError): HttpAnswer {
  const { headers, ...rest } = problem(status, STATUS_CODES[status] ?? 'Refused', message)
  return { ...rest, headers: status === 401 ? [...headers, ['www-authenticate', 'Bearer']] : headers }
}

/**
 * Returns the seconds until the request would be admitted, rounded up; undefined if it never would.
 */
export function retryAfterSeconds(refusal: Refusal): number | undefined {
  return Number.isFinite(refusal.retryAfter) ? Math.max(1, ceilToUnit(refusal.retryAfter)) : undefined
}

function detailOf({ limit, resource, cost, remaining, reason, retryAfter }: Refusal): string {
  const bound = `The limit is ${boundOf(limit, resource)}.`
  const demand = `This request takes ${amount(cost, resource)}`
  if (reason === 'busy')
    return `${bound} All slots are in use, and none became free in time. Try again in ${formatWait(retryAfter)}.`
  if (reason === 'oversized') return `${bound} ${demand}, which is more than the limit can ever hold.`
  const state = limit.algorithm === 'concurrency' ? 'free' : 'left'
  const rest =
    remaining === 0 ? `none are ${state}` : `only ${remaining} ${remaining === 1 ? 'is' : 'are'} ${state}`
  return `${bound} ${demand}, but ${rest}. Try again in ${formatWait(retryAfter)}.`
}

function boundOf(limit: Limit, resource: string): string {
  if (limit.algorithm === 'concurrency') return `${amount(limit.limit, 'requests')} in flight at once`
  const burst =
    limit.algorithm === 'token-bucket' && limit.burst !== limit.limit ? `, ${limit.burst} at once` : ''
  return `${amount(limit.limit, resource)} per ${formatPeriod(limit.period)}${burst}`
}

/** Formats a count with its resource: `1 request`, `5 requests`, `1 input token`. */
function amount(count: number, resource: string): string {
  if (resource === 'concurrent') return count === 1 ? '1 slot' : `${count} slots`
  const words = resource.replaceAll('_', ' ')
  return `${count} ${count === 1 && words.endsWith('s') ? words.slice(0, -1) : words}`
}
