import { type ClientOverride, parseLimits } from 'sluice'
import type { ClientLimit } from '../../../policy/client-limits.js'
import { KeyError } from './key-error.js'

/**
 * The limits of a key's client by the name of the rule: a limit such as `100/minute`, a multiplier such
 * as 2, or `unlimited`.
 */
export type KeyLimits = Readonly<Record<string, string | number>>

/** Maximum number of limits of a key. */
export const MAX_LIMITS = 100
/** Maximum multiplier of a limit. */
export const MAX_SCALE = 1e6
/** Maximum length of the name of a rule, and of a limit, in characters. */
const MAX_LENGTH = 256

/** @throws an error with a message for operators if the limit is invalid */
export function checkKeyLimit(limit: string | number): string | number {
  if (typeof limit === 'string' && limit !== 'unlimited') parseLimits(limit)
  return limit
}

/** @throws KeyError */
export function checkKeyLimits(limits: KeyLimits): KeyLimits {
  const entries = Object.entries(limits)
  if (entries.length > MAX_LIMITS)
    throw new KeyError('invalid', `a key can have at most ${MAX_LIMITS} limits, not ${entries.length}`)
  for (const [rule, limit] of entries) checkNamedLimit(rule, limit)
  return limits
}

function checkNamedLimit(rule: string, limit: string | number): void {
  if (rule.length > MAX_LENGTH || String(limit).length > MAX_LENGTH)
    throw new KeyError('invalid', `a limit of the key exceeds ${MAX_LENGTH} characters`)
  if (typeof limit === 'number' && !(limit > 0 && limit <= MAX_SCALE))
    throw new KeyError('invalid', `the multiplier of '${rule}' must be above 0 and at most ${MAX_SCALE}`)
  try {
    checkKeyLimit(limit)
  } catch (error) {
    throw new KeyError('invalid', `the limit '${rule}' is invalid: ${(error as Error).message}`)
  }
}

/** Returns the limits of a key as limits of its client. */
export function clientLimitsOf(client: string, limits: KeyLimits = {}): readonly ClientLimit[] {
  return Object.entries(limits).map(([rule, limit]) => ({ client, rule, override: overrideOf(limit) }))
}

function overrideOf(limit: string | number): ClientOverride {
  return typeof limit === 'number' ? { scale: limit } : { limit }
}
