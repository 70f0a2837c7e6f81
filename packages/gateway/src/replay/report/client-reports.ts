import { OTHERS } from '../stats/client-stats.js'
import { type Lockout, lengthOf } from '../stats/lockouts.js'
import type { ReplayStats } from '../stats/replay-stats.js'
import type { ClientReport, LockoutReport, ReplayReport } from './report.js'

/**
 * Reports on the clients with the most refusals (ties are broken by the most requests), and on the
 * sum of the others.
 *
 * @param listed number of clients to list
 */
export function clientReports(
  stats: ReplayStats,
  origin: number,
  listed: number,
): Pick<ReplayReport, 'clients' | 'longestLockout'> {
  const { clients } = stats
  const ranked = Int32Array.from({ length: clients.size }, (_, index) => index + 1).sort(
    (a, b) =>
      clients.refused(b) - clients.refused(a) ||
      clients.requests(b) - clients.requests(a) ||
      compare(clients.name(a), clients.name(b)),
  )
  const lockoutOf = (slots: Int32Array) => lockoutReport(longestOf(slots, stats), stats, origin)
  return {
    clients: {
      known: clients.size,
      listed: Array.from(ranked.subarray(0, listed), (slot) => ({
        client: clients.name(slot),
        tier: clients.tier(slot) ?? null,
        ...clients.counts(slot),
        longestLockout: lockoutOf(Int32Array.of(slot)),
      })),
      others: othersOf(ranked.subarray(listed), stats, lockoutOf),
    },
    longestLockout: lockoutOf(ranked),
  }
}

/**
 * Returns the sum of the clients that are not listed or not counted separately; null if there are
 * none.
 */
function othersOf(
  unlisted: Int32Array,
  { clients }: ReplayStats,
  lockoutOf: (slots: Int32Array) => LockoutReport | null,
): ClientReport | null {
  const beyond = clients.counts(OTHERS)
  if (unlisted.length === 0 && beyond.requests === 0) return null
  const sum = { ...beyond }
  for (const slot of unlisted) {
    const { requests, allowed, refused, falselyRefused, tokens } = clients.counts(slot)
    sum.requests += requests
    sum.allowed += allowed
    sum.refused += refused
    sum.falselyRefused += falselyRefused
    sum.tokens += tokens
  }
  return {
    client: `(${unlisted.length} others)`,
    tier: null,
    ...sum,
    longestLockout: lockoutOf(unlisted),
  }
}

function longestOf(slots: Int32Array, { clients }: ReplayStats): Lockout | undefined {
  let longest: Lockout | undefined
  for (const slot of slots) {
    const own = clients.lockouts.longest(slot)
    if (own !== undefined && (longest === undefined || lengthOf(own) > lengthOf(longest))) longest = own
  }
  return longest
}

function lockoutReport(
  lockout: Lockout | undefined,
  { clients, rules }: ReplayStats,
  origin: number,
): LockoutReport | null {
  if (lockout === undefined) return null
  const { client, rule, from, to, refused } = lockout
  return {
    client: clients.name(client),
    rule: rules[rule]?.name ?? '',
    from: origin + from,
    to: origin + to,
    length: lengthOf(lockout),
    refused,
  }
}

/** Compares strings by code units, which gives the same order on every machine. */
export function compare(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
