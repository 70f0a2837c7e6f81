import { createHmac } from 'node:crypto'
import type { Quota } from '../decision.js'
import { roundedUp } from '../limits/format.js'
import type { Limit } from '../limits/limit.js'

/**
 * The fields `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers-11 has them: structured
 * fields (RFC 9651), Lists of Strings with parameters. The draft is still moving; all that knows it is in this file.
 *
 *     RateLimit-Policy: "requests";q=10;w=60, "tokens";q=100000;qu="tokens";w=60
 *     RateLimit: "requests";r=3;t=6
 */

/** Units that the draft registers; a resource without one goes by its own name. */
const REGISTERED_UNITS: Readonly<Record<string, string>> = {
  concurrent: 'concurrent-requests',
  bytes: 'content-bytes',
}

/** Structured fields have integers of at most 15 digits. */
const MAX_INTEGER = 999_999_999_999_999

/** One policy for each rule: its quota `q`, unit `qu`, window `w` in seconds and, with a secret, partition key `pk`. */
export function rateLimitPolicy(quotas: readonly Quota[], partitionKeySecret?: string): string {
  return listOf(quotas, (quota) => wordsOf(quota).policy + partitionKey(quota.key, partitionKeySecret))
}

/**
 * What each rule has left: `r`, and `t`, the seconds within which no more than that can be used. What is in flight has
 * no `t`: nobody knows when it ends.
 */
export function rateLimit(quotas: readonly Quota[], partitionKeySecret?: string): string {
  return listOf(quotas, (quota) => {
    const { limit, remaining, allowed, moreAfter, retryAfter, key } = quota
    const until = allowed ? moreAfter : Math.min(moreAfter, retryAfter)
    const window = limit.algorithm === 'concurrency' || until === 0 ? '' : `;t=${sfInteger(roundedUp(until))}`
    return `${wordsOf(quota).standing}${sfInteger(remaining)}${window}${partitionKey(key, partitionKeySecret)}`
  })
}

function listOf(quotas: readonly Quota[], item: (quota: Quota) => string): string {
  return quotas.length === 1 ? item(quotas[0] as Quota) : quotas.map(item).join(', ')
}

/** What is the same in all fields that speak of a rule and its limit. */
interface Words {
  readonly rule: string
  readonly resource: string
  /** A policy. */
  readonly policy: string
  /** The beginning of how a request stands, up to the number that is left. */
  readonly standing: string
}

/** By the limit, which a rule mostly has one of: putting the words together takes a microsecond. */
const known = new WeakMap<Limit, Words>()

function wordsOf({ rule, resource, limit }: Quota): Words {
  const before = known.get(limit)
  if (before !== undefined && before.rule === rule && before.resource === resource) return before
  const { quota, window } = quotaAndWindow(limit)
  const unit = resource === 'requests' ? '' : `;qu=${sfString(REGISTERED_UNITS[resource] ?? resource)}`
  const seconds = window === undefined ? '' : `;w=${sfInteger(window)}`
  const name = sfString(rule)
  const words = {
    rule,
    resource,
    policy: `${name};q=${sfInteger(quota)}${unit}${seconds}`,
    standing: `${name};r=`,
  }
  known.set(limit, words)
  return words
}

/** The quota of a window of whole seconds that says the same as the limit. */
function quotaAndWindow(limit: Limit): { quota: number; window?: number } {
  if (limit.algorithm === 'concurrency') return { quota: limit.limit }
  const wholeUnits = limit.limit < 1 ? limit.period / limit.limit : limit.period
  const window = Math.max(1, Math.ceil(wholeUnits / 1000))
  return { quota: Math.floor((limit.limit * window * 1000) / limit.period), window }
}

function partitionKey(key: string, secret: string | undefined): string {
  if (secret === undefined) return ''
  const digest = createHmac('sha256', secret).update(key, 'utf16le').digest().subarray(0, 12)
  return `;pk=:${digest.toString('base64')}:`
}

/** A String of structured fields; what it cannot hold, a rule's name cannot either. */
function sfString(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?')}"`
}

function sfInteger(value: number): string {
  return String(Math.min(MAX_INTEGER, Math.trunc(value)))
}
