import type { Limit } from '../limits/limit.js'
import { checkFactor, scaleLimit } from './scale.js'

/** Exempts the clients of a tier from a rule. */
export const UNLIMITED = 'unlimited'

/** By the client's tier: a multiplier of the limit, a replacement, or `unlimited`. */
export type Tiers<Whole> = Readonly<Record<string, number | typeof UNLIMITED | Whole>>

/** Multipliers or `unlimited`, by tier. */
export type TierScales = ReadonlyMap<string, number | typeof UNLIMITED>

/** The parsed `tiers` of a rule. */
export type TierLimits = ReadonlyMap<string, number | typeof UNLIMITED | Limit>

/**
 * Returns the limit for a client of a tier; undefined if the client is unlimited. The rule's own
 * entry for the tier takes precedence over the entry for all rules. Without either, and for
 * anonymous requests, the limit applies unchanged.
 *
 * @param own the `tiers` of the rule
 * @param all the tiers for all rules
 */
export function tierLimit(
  limit: Limit,
  tier: string | undefined,
  own: TierLimits,
  all: TierScales,
): Limit | undefined {
  if (tier === undefined) return limit
  const entry = own.get(tier) ?? all.get(tier)
  if (entry === undefined) return limit
  if (entry === UNLIMITED) return undefined
  return typeof entry === 'number' ? scaleLimit(limit, entry) : entry
}

/** Parses the `tiers` of a rule. @throws TypeError, RangeError that name the tier. */
export function readTiers<Whole>(
  tiers: Tiers<Whole> | undefined,
  readLimit: (whole: Whole, tier: string) => Limit,
): TierLimits {
  const read = (entry: number | typeof UNLIMITED | Whole, tier: string) => {
    if (entry === UNLIMITED) return UNLIMITED
    return typeof entry === 'number'
      ? checkFactor(entry, `tier '${tier}'`, ['tiers', tier])
      : readLimit(entry as Whole, tier)
  }
  return new Map(Object.entries(tiers ?? {}).map(([tier, entry]) => [tier, read(entry, tier)]))
}

/** Parses the tiers for all rules. @throws TypeError, RangeError that name the tier. */
export function readTierScales(tiers: Tiers<never> | undefined): TierScales {
  return new Map(
    Object.entries(tiers ?? {}).map(([tier, factor]) => [
      tier,
      factor === UNLIMITED ? UNLIMITED : checkFactor(factor, `tier '${tier}'`, ['tiers', tier]),
    ]),
  )
}
