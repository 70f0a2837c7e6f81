import { type Charge, capacityOf, formatLimit, type Limit, type Store } from 'sluice'

/** A key of a rule under the limit that it has. */
export type RuleKey = Pick<Charge, 'scope' | 'key' | 'limit'>

/** How a key stands. Times are milliseconds from now; null for a time that never comes. */
export interface Standing {
  readonly remaining: number
  /** From 0 to 1. */
  readonly used: number
  readonly resetAfter: number
  readonly moreAfter: number
  /** Until a cost of 1 fits; 0 where it does. */
  readonly retryAfterOfOne: number | null
}

/** Keys that a store is asked about at once. */
const ASKED_AT_ONCE = 100

/** How keys stand, in their order; nothing is taken to find out. Rejects where the store does not answer. */
export async function standingsOf(store: Store, keys: readonly RuleKey[]): Promise<Standing[]> {
  const standings: Standing[] = []
  for (let from = 0; from < keys.length; from += ASKED_AT_ONCE) {
    const asked = keys.slice(from, from + ASKED_AT_ONCE)
    const charges = asked.map(({ scope, key, limit }) => ({
      ...{ scope, key, limit },
      cost: 0,
      enforce: false,
      lease: 'standing',
    }))
    const verdicts = await store.peek(charges)
    verdicts.forEach(({ remaining, resetAfter, moreAfter }, index) => {
      const used = 1 - remaining / capacityOf(asked[index]?.limit as Limit)
      const retryAfterOfOne = remaining >= 1 ? 0 : finite(moreAfter)
      standings.push({ remaining, used, resetAfter, moreAfter, retryAfterOfOne })
    })
  }
  return standings
}

function finite(milliseconds: number): number | null {
  return Number.isFinite(milliseconds) ? milliseconds : null
}

/** `10/minute`; a limit that each request has its own of cannot be told. */
export function limitText(limit: Limit | undefined): string {
  return limit === undefined ? 'by expression' : formatLimit(limit)
}

/** As `limitText`, to four digits: tiers and warm-ups make fractions that nobody writes. */
export function roundedLimitText(limit: Limit | undefined): string {
  if (limit?.algorithm !== 'token-bucket') return limitText(limit)
  return limitText({ ...limit, limit: rounded(limit.limit), burst: rounded(limit.burst) })
}

function rounded(units: number): number {
  return Number.isInteger(units) ? units : Number(units.toPrecision(4))
}
