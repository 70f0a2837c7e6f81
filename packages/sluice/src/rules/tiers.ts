import type { Limit } from '../limits/limit.js'
import { checkFactor, scaleLimit } from './scale.js'

/** In place of a tier's limit: rules count nothing for its clients. */
export const UNLIMITED = 'unlimited'

/** By the tier of the client: how many times the limit, what in its place, or `unlimited`. */
export type Tiers<Whole> = Readonly<Record<string, number | typeof UNLIMITED | Whole>>

/** Multipliers by tier. */
export type TierScales = ReadonlyMap<string, number | typeof UNLIMITED>

/** What the `tiers` of a rule say, read. */
export type TierLimits = ReadonlyMap<string, number | typeof UNLIMITED | Limit>

/**
 * What a limit is for a client of some tier; undefined where the client is unlimited. A tier that a rule's `tiers` say nothing
 * of has the multiplier that all rules have for it; one that is said nowhere, and a visitor, has the limit as it stands.
 *
 * @param own of the rule; whole limits are read already
 * @param all multipliers for every rule
 */
export function tierLimit(
  limit: Limit,
  tier: string | undefined,
  own: TierLimits,
  all: TierScales,
): Limit | undefined {
  if (tier === undefined) return limit
  const said = own.get(tier) ?? all.get(tier)
  if (said === undefined) return limit
  if (said === UNLIMITED) return undefined
  return typeof said === 'number' ? scaleLimit(limit, said) : said
}

/** @throws TypeError, RangeError that name the tier. */
export function readTiers<Whole>(
  tiers: Tiers<Whole> | undefined,
  readWhole: (whole: Whole, tier: string) => Limit,
): TierLimits {
  const read = (said: number | typeof UNLIMITED | Whole, tier: string) => {
    if (said === UNLIMITED) return UNLIMITED
    return typeof said === 'number'
      ? checkFactor(said, `tier '${tier}'`, ['tiers', tier])
      : readWhole(said as Whole, tier)
  }
  return new Map(Object.entries(tiers ?? {}).map(([tier, said]) => [tier, read(said, tier)]))
}

/** Reads multipliers that every rule has. @throws TypeError, RangeError that name the tier. */
export function readTierScales(tiers: Tiers<never> | undefined): TierScales {
  return new Map(
    Object.entries(tiers ?? {}).map(([tier, factor]) => [
      tier,
      factor === UNLIMITED ? UNLIMITED : checkFactor(factor, `tier '${tier}'`, ['tiers', tier]),
    ]),
  )
}
