import { createHash } from 'node:crypto'
import type { Limit } from '../limits/limit.js'
import type { KeyPart, KeySpec } from './key-spec.js'
import type { Resource } from './rule.js'

/**
 * What the state of a rule is kept under.
 *
 * A rule with a name keeps its state under the name, whatever else of it changes. A rule without one is known by what it
 * counts: its resource, its key, its algorithm and its period. None of them depends on the rules around it, so that
 * adding, removing or moving a rule leaves the state of the others alone. Rules that agree in all of this are numbered in
 * their order.
 *
 * Names are printable, and the parts of the other form are joined by line feeds, so that the two forms never meet.
 */
export interface CountedBy<Request> {
  /** Undefined for a rule that was given none. */
  readonly name: string | undefined
  /** Whether the rule joins several limits with `;`, which share its name. */
  readonly joined: boolean
  /** Whether its state is that of the same rule elsewhere. */
  readonly shared: boolean
  readonly resource: Resource
  /** The rule's `by`, or what stands in for it. */
  readonly by: KeySpec<Request>
  /** Undefined where it is another one for each request. */
  readonly limit: Limit | undefined
}

/**
 * Names the states of a limiter's rules, each its own. Shared rules are numbered apart: the rules that only this limiter
 * has must not change how the others find them.
 */
export function stateNames<Request>(rules: readonly CountedBy<Request>[]): string[] {
  const taken = { own: new Set<string>(), shared: new Set<string>() }
  return rules.map((rule) => claim(rule.shared ? taken.shared : taken.own, stateName(rule)))
}

function claim(taken: Set<string>, name: string): string {
  let claimed = name
  for (let number = 2; taken.has(claimed); number++) claimed = `${name}\n${number}`
  taken.add(claimed)
  return claimed
}

function stateName<Request>({ name, joined, resource, by, limit }: CountedBy<Request>): string {
  const counted = [limit?.algorithm ?? 'by request', limit === undefined ? '' : periodText(limit)]
  if (name === undefined) return [resource, keyText(by), ...counted].join('\n')
  return joined ? [name, ...counted].join('\n') : name
}

/** A lease says how long a slot is held, and not over which time slots are counted. */
function periodText(limit: Limit): string {
  return limit.algorithm === 'concurrency' ? '' : String(limit.period)
}

function keyText<Request>(by: KeySpec<Request>): string {
  const parts: readonly KeyPart<Request>[] = Array.isArray(by) ? by : [by as KeyPart<Request>]
  return parts.map(partText).join(',')
}

/** Longest text of a key's part that is kept as it is. */
const MAX_PART_LENGTH = 40

/** Names of keys are kept as they are. The texts of functions begin with `=`, as no name does. */
function partText<Request>(part: KeyPart<Request>): string {
  if (typeof part !== 'function') return part.toLowerCase()
  const source = sourceOf(part)
  if (source === undefined) return '='
  const isShort = source.length <= MAX_PART_LENGTH && /^[\x20-\x2b\x2d-\x7e]+$/.test(source)
  return isShort ? `=${source}` : `=#${createHash('sha256').update(source, 'utf16le').digest('base64url')}`
}

/** The text that a key's function was compiled from; undefined for a function that carries none. */
export function sourceOf(part: unknown): string | undefined {
  return typeof part === 'function' && 'source' in part && typeof part.source === 'string'
    ? part.source
    : undefined
}
