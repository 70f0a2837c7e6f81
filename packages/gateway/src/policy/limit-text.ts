import { formatLimit, type Limit } from 'sluice'

/** Formats a limit, such as `10/minute`; `by expression` if it is computed per request. */
export function limitText(limit: Limit | undefined): string {
  return limit === undefined ? 'by expression' : formatLimit(limit)
}

/**
 * Formats a limit like `limitText`, but rounds it to four digits, because tiers and warm-ups
 * produce fractions.
 */
export function roundedLimitText(limit: Limit | undefined): string {
  if (limit?.algorithm !== 'token-bucket') return limitText(limit)
  return limitText({ ...limit, limit: rounded(limit.limit), burst: rounded(limit.burst) })
}

function rounded(units: number): number {
  return Number.isInteger(units) ? units : Number(units.toPrecision(4))
}
