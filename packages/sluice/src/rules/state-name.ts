import { createHash } from 'node:crypto'
import { currencyOf, type Limit } from '../limits/limit.js'
import type { KeyPart, KeySpec } from './key-spec.js'
import type { Resource } from './rule.js'

/**
 * The identity of a rule's state.
 *
 * A named rule keeps its state under its name. An unnamed rule is identified by its resource, with
 * the currency of money, its key, algorithm and period, so adding, removing or moving rules does not affect the state of others.
 * Rules that agree in all four are numbered in order.
 *
 * Names are printable, and the parts of an unnamed rule's identity are joined by line feeds, so the
 * two forms never collide.
 */
export interface StateIdentity<Request> {
  /** Undefined for an unnamed rule. */
  readonly name: string | undefined
  /** True if the rule joins several limits under one name. */
  readonly joined: boolean
  /** True if it shares its state with other limiters. */
  readonly shared: boolean
  readonly resource: Resource
  /** The rule's `by`, or its default. */
  readonly by: KeySpec<Request>
  /** Undefined if a function computes it. */
  readonly limit: Limit | undefined
}

/**
 * Returns a unique state name for each rule. Shared rules are numbered separately, so the unshared
 * rules of this limiter do not change the names of shared ones.
 */
export function stateNames<Request>(rules: readonly StateIdentity<Request>[]): string[] {
  const taken = { own: new Set<string>(), shared: new Set<string>() }
  return rules.map((rule) => claim(rule.shared ? taken.shared : taken.own, stateName(rule)))
}

function claim(taken: Set<string>, name: string): string {
  let claimed = name
  for (let number = 2; taken.has(claimed); number++) claimed = `${name}\n${number}`
  taken.add(claimed)
  return claimed
}

function stateName<Request>({ name, joined, resource, by, limit }: StateIdentity<Request>): string {
  const counted = [limit?.algorithm ?? 'by request', limit === undefined ? '' : periodOf(limit)]
  const currency = limit === undefined ? undefined : currencyOf(limit)
  const unit = currency === undefined ? resource : `${resource} ${currency}`
  if (name === undefined) return [unit, keyIdentity(by), ...counted].join('\n')
  return joined ? [name, ...counted].join('\n') : name
}

/** Returns the period, or '' for slots, which have a lease but no counting period. */
function periodOf(limit: Limit): string {
  return limit.algorithm === 'concurrency' ? '' : String(limit.period)
}

function keyIdentity<Request>(by: KeySpec<Request>): string {
  const parts: readonly KeyPart<Request>[] = Array.isArray(by) ? by : [by as KeyPart<Request>]
  return parts.map(partIdentity).join(',')
}

/** Maximum length of a function's source that is used as is. */
const MAX_PART_LENGTH = 40

/**
 * Returns a key name in lower case, except for a cookie, whose name is case-sensitive. The source
 * of a function is prefixed with `=`, which no key name contains.
 */
function partIdentity<Request>(part: KeyPart<Request>): string {
  if (typeof part !== 'function') return part.startsWith('cookie:') ? part : part.toLowerCase()
  const source = sourceOf(part)
  if (source === undefined) return '='
  const isShort = source.length <= MAX_PART_LENGTH && /^[\x20-\x2b\x2d-\x7e]+$/.test(source)
  return isShort ? `=${source}` : `=#${createHash('sha256').update(source, 'utf16le').digest('base64url')}`
}

/** Returns the expression that a key function was compiled from; undefined if it carries none. */
export function sourceOf(part: unknown): string | undefined {
  return typeof part === 'function' && 'source' in part && typeof part.source === 'string'
    ? part.source
    : undefined
}
