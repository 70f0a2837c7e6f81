import { createHmac } from 'node:crypto'
import type { Quota } from '../limiter/decision.js'
import { roundedUp } from '../limits/format-limit.js'
import type { Limit } from '../limits/limit.js'

/**
 * The fields `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers-11 has them: structured
 * fields (RFC 9651), Lists of Strings with parameters. The draft is still moving; all that knows it is in this file.
 *
 *     RateLimit-Policy: "requests";q=10;w=60, "tokens";q=100000;qu="tokens";w=60
 *     RateLimit: "requests";r=3;t=6
 */

export type Fields = readonly (readonly [name: string, value: string])[]

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
  return listOf(quotas, (quota) => standingOf(quota).text + partitionKey(quota.key, partitionKeySecret))
}

/** Both fields of an answer to a request that one rule was asked about. The same ones for all who stand alike. */
export function fieldsOfOneRule(quota: Quota): Fields {
  return standingOf(quota).fields
}

function standingOf(quota: Quota): Standing {
  const words = wordsOf(quota)
  const { limit, remaining, allowed, moreAfter, retryAfter } = quota
  const until = allowed ? moreAfter : Math.min(moreAfter, retryAfter)
  const seconds = limit.algorithm === 'concurrency' || until === 0 ? NO_TIME : roundedUp(until)
  const place = remaining & (PLACES - 1)
  const latest = words.latest[place]
  if (latest !== undefined && latest.remaining === remaining && latest.seconds === seconds) return latest
  const window = seconds === NO_TIME ? '' : `;t=${sfInteger(seconds)}`
  const text = `${words.standing}${sfInteger(remaining)}${window}`
  const fields = Object.freeze([words.policyField, fieldOf('ratelimit', text)])
  const standing = { remaining, seconds, text, fields }
  words.latest[place] = standing
  return standing
}

/** One that answers share: whoever wants to add to his own does not add to those of others. */
function fieldOf(name: string, value: string): Fields[number] {
  return Object.freeze([name, value] as const)
}

function listOf(quotas: readonly Quota[], item: (quota: Quota) => string): string {
  return quotas.length === 1 ? item(quotas[0] as Quota) : quotas.map(item).join(', ')
}

/** What is the same in all fields that speak of a rule and its limit. */
interface Words {
  readonly rule: string
  readonly resource: string
  /** A policy, and the field of it alone. */
  readonly policy: string
  readonly policyField: Fields[number]
  /** The beginning of how a request stands, up to the number that is left. */
  readonly standing: string
  /** How requests stood lately, each at the place that its number left has: clients of one limit often have the same left. */
  readonly latest: (Standing | undefined)[]
}

interface Standing {
  readonly remaining: number
  readonly seconds: number
  readonly text: string
  readonly fields: Fields
}

/** A power of two. To put a text together, and have Node look at it as one that it never saw, takes 0.3 µs. */
const PLACES = 64

/** In place of seconds, where no time is told. */
const NO_TIME = -1

/** By the limit, which a rule mostly has one of: putting the words together takes a microsecond. */
const known = new WeakMap<Limit, Words>()

function wordsOf({ rule, resource, limit }: Quota): Words {
  const before = known.get(limit)
  if (before !== undefined && before.rule === rule && before.resource === resource) return before
  const { quota, window } = quotaAndWindow(limit)
  const unit = resource === 'requests' ? '' : `;qu=${sfString(REGISTERED_UNITS[resource] ?? resource)}`
  const seconds = window === undefined ? '' : `;w=${sfInteger(window)}`
  const name = sfString(rule)
  const policy = `${name};q=${sfInteger(quota)}${unit}${seconds}`
  const words: Words = {
    rule,
    resource,
    policy,
    policyField: fieldOf('ratelimit-policy', policy),
    standing: `${name};r=`,
    latest: new Array<undefined>(PLACES).fill(undefined),
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
