import { createHmac } from 'node:crypto'
import type { Quota } from '../limiter/decision.js'
import { ceilToUnit } from '../limits/format-limit.js'
import { currencyOf, type Limit } from '../limits/limit.js'
import { UNITS_PER_CURRENCY } from '../limits/money.js'

// The headers `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-11:
// structured fields (RFC 9651), Lists of Strings with parameters. The draft may still change.
// `dictionary-headers.ts` has the forms of earlier versions, and `draft-12-headers.ts` that of the
// next one.
//
//     RateLimit-Policy: "requests";q=10;w=60, "tokens";q=100000;qu="tokens";w=60
//     RateLimit: "requests";r=3;t=6
//
// Money is reported in hundredths of its currency:
//
//     RateLimit-Policy: "money";q=2000;qu="0.01 USD";w=86400

/** Headers of a response, with names in lower case. */
export type HeaderList = readonly (readonly [name: string, value: string])[]

/** Units registered by the draft. Other resources are their own unit. */
const REGISTERED_UNITS: Readonly<Record<string, string>> = {
  concurrent: 'concurrent-requests',
  bytes: 'content-bytes',
}

/** Structured fields allow integers of at most 15 digits. */
const MAX_INTEGER = 999_999_999_999_999

/**
 * The units of money in one unit of the headers: a hundredth of the currency. Structured fields have
 * no integers that are long enough for the units of money.
 */
const MONEY_PER_HEADER_UNIT = UNITS_PER_CURRENCY / 100

/** Converts units of a limit to units of the headers. Those of money may have fractions. */
export function headerUnits(units: number, limit: Limit): number {
  return currencyOf(limit) === undefined ? units : units / MONEY_PER_HEADER_UNIT
}

/**
 * Returns a policy per rule: quota `q`, unit `qu`, window `w` in seconds and, with a secret,
 * partition key `pk`.
 *
 * @param hasUnits `false` omits `qu`. Default: `true`
 */
export function rateLimitPolicy(
  quotas: readonly Quota[],
  partitionKeySecret?: string,
  hasUnits = true,
): string {
  return listOf(
    quotas,
    (quota) =>
      (hasUnits ? templateOf(quota).policy : policyOf(quota, '')) +
      partitionKey(quota.key, partitionKeySecret),
  )
}

/**
 * Returns the quota left under each rule: `r`, the remaining units, and `t`, the seconds during
 * which no more than `r` can be used. A concurrency limit has no `t`, because the end of a request
 * in flight is unknown.
 */
export function rateLimit(quotas: readonly Quota[], partitionKeySecret?: string): string {
  return listOf(quotas, (quota) => itemOf(quota).text + partitionKey(quota.key, partitionKeySecret))
}

/**
 * Returns both headers for a decision with a single rule. Requests with equal quotas share the
 * result.
 */
export function headersOfOneRule(quota: Quota): HeaderList {
  return itemOf(quota).headers
}

/** Formats the item of a rule in `RateLimit`, without its partition key. */
export function rateLimitItem(quota: Quota): string {
  return itemOf(quota).text
}

/** Returns the seconds until more than the remaining units can be used; undefined if unknown. */
export function secondsUntilMore(quota: Quota): number | undefined {
  const until = timeUntilMore(quota)
  return quota.limit.algorithm === 'concurrency' || until === 0 ? undefined : ceilToUnit(until)
}

function itemOf(quota: Quota): QuotaItem {
  const template = templateOf(quota)
  const remaining = Math.floor(headerUnits(quota.remaining, quota.limit))
  const seconds = secondsUntilMore(quota) ?? NO_TIME
  const index = remaining & (CACHE_SIZE - 1)
  const latest = template.latest[index]
  if (latest !== undefined && latest.remaining === remaining && latest.seconds === seconds) return latest
  const window = seconds === NO_TIME ? '' : `;t=${sfInteger(seconds)}`
  const text = `${template.itemPrefix}${sfInteger(remaining)}${window}`
  const headers = Object.freeze([template.policyHeader, headerOf('ratelimit', text)])
  const item = { remaining, seconds, text, headers }
  template.latest[index] = item
  return item
}

/** Returns the milliseconds during which no more than the remaining units can be used. */
export function timeUntilMore({ allowed, moreAfter, retryAfter }: Quota): number {
  return allowed ? moreAfter : Math.min(moreAfter, retryAfter)
}

/** Creates a header. It is frozen because several responses share it. */
function headerOf(name: string, value: string): HeaderList[number] {
  return Object.freeze([name, value] as const)
}

export function listOf(quotas: readonly Quota[], item: (quota: Quota) => string): string {
  return quotas.length === 1 ? item(quotas[0] as Quota) : quotas.map(item).join(', ')
}

/** The invariant parts of the headers of a rule and limit. */
interface HeaderTemplate {
  readonly rule: string
  readonly resource: string
  /** The policy, and the complete header for a single rule. */
  readonly policy: string
  readonly policyHeader: HeaderList[number]
  /** The item of `RateLimit` up to the value of `r`. */
  readonly itemPrefix: string
  /**
   * Recent items, indexed by the low bits of the remaining units. Clients of one limit often have
   * the same number left.
   */
  readonly latest: (QuotaItem | undefined)[]
}

interface QuotaItem {
  readonly remaining: number
  readonly seconds: number
  readonly text: string
  readonly headers: HeaderList
}

/** Size of `latest`, a power of two. Building a header and having Node validate it takes 0.3 µs. */
const CACHE_SIZE = 64

/** Replaces the seconds if no time is reported. */
const NO_TIME = -1

/** Templates by limit; a rule usually has a single limit. Building a template takes 1 µs. */
const templates = new WeakMap<Limit, HeaderTemplate>()

function templateOf(quota: Quota): HeaderTemplate {
  const { rule, resource, limit } = quota
  const cached = templates.get(limit)
  if (cached !== undefined && cached.rule === rule && cached.resource === resource) return cached
  const currency = currencyOf(limit)
  const unitName = currency === undefined ? (REGISTERED_UNITS[resource] ?? resource) : `0.01 ${currency}`
  const unit = resource === 'requests' ? '' : `;qu=${sfString(unitName)}`
  const policy = policyOf(quota, unit)
  const template: HeaderTemplate = {
    rule,
    resource,
    policy,
    policyHeader: headerOf('ratelimit-policy', policy),
    itemPrefix: `${sfString(rule)};r=`,
    latest: new Array<undefined>(CACHE_SIZE).fill(undefined),
  }
  templates.set(limit, template)
  return template
}

function policyOf({ rule, limit }: Pick<Quota, 'rule' | 'limit'>, unit: string): string {
  const { quota, window } = quotaAndWindow(limit)
  const seconds = window === undefined ? '' : `;w=${sfInteger(window)}`
  return `${sfString(rule)};q=${sfInteger(quota)}${unit}${seconds}`
}

/** Returns an equivalent quota for a window of whole seconds. */
export function quotaAndWindow(limit: Limit): { quota: number; window?: number } {
  if (limit.algorithm === 'concurrency') return { quota: limit.limit }
  const wholeUnits = limit.limit < 1 ? limit.period / limit.limit : limit.period
  const window = Math.max(1, Math.ceil(wholeUnits / 1000))
  const quota = headerUnits(limit.limit, limit)
  return { quota: Math.floor((quota * window * 1000) / limit.period), window }
}

export function partitionKey(key: string, secret: string | undefined): string {
  if (secret === undefined) return ''
  const digest = createHmac('sha256', secret).update(key, 'utf16le').digest().subarray(0, 12)
  return `;pk=:${digest.toString('base64')}:`
}

/** Formats a String of structured fields. Characters that are not allowed become `?`. */
export function sfString(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?')}"`
}

/** Formats an Integer of structured fields. */
export function sfInteger(value: number): string {
  return String(Math.min(MAX_INTEGER, Math.trunc(value)))
}

/**
 * Reports whether the values of a header that several limits set form one list. A value in the
 * form of draft-7 is a dictionary, of which a client reads one limit, so the last limit replaces it.
 */
export function isListHeader(name: string, value: string): boolean {
  if (name === 'sluice-warning') return true
  return name === 'ratelimit-policy' || (name === 'ratelimit' && !value.startsWith('limit='))
}
