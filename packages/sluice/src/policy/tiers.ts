import type { Limit } from '../limits/limit.js'
import { checkFactor, scaleLimit } from './scale.js'

/** By the tier of the client: how many times the limit, or what in its place. */
export type Tiers<Whole> = Readonly<Record<string, number | Whole>>

/** Multipliers by tier. */
export type TierScales = ReadonlyMap<string, number>

/**
 * What a limit is for a client of some tier. A tier that a rule's `tiers` say nothing of has the multiplier that all rules
 * have for it; one that is said nowhere, and a visitor, has the limit as it stands.
 *
 * @param own of the rule; whole limits are read already
 * @param all multipliers for every rule
 */
export function tierLimit(
  limit: Limit,
  tier: string | undefined,
  own: ReadonlyMap<string, number | Limit>,
  all: TierScales,
): Limit {
  if (tier === undefined) return limit
  const said = own.get(tier) ?? all.get(tier)
  if (said === undefined) return limit
  return typeof said === 'number' ? scaleLimit(limit, said) : said
}

/** @throws TypeError, RangeError that name the tier. */
export function readTiers<Whole>(
  tiers: Tiers<Whole> | undefined,
  readWhole: (whole: Whole, tier: string) => Limit,
): ReadonlyMap<string, number | Limit> {
  return new Map(
    Object.entries(tiers ?? {}).map(([tier, said]) => [
      tier,
      typeof said === 'number' ? checkFactor(said, `tier '${tier}'`) : readWhole(said, tier),
    ]),
  )
}

/** Reads multipliers that every rule has. @throws TypeError, RangeError that name the tier. */
export function readTierScales(tiers: Tiers<never> | undefined): TierScales {
  return new Map(
    Object.entries(tiers ?? {}).map(([tier, factor]) => [tier, checkFactor(factor, `tier '${tier}'`)]),
  )
}
