import { OTHERS } from '../stats/client-stats.js'
import type { ReplayStats } from '../stats/replay-stats.js'
import type { ReplayReport } from './report.js'

/** Comparison of two policies under the same load. */
export interface Comparison {
  readonly one: ReplayReport
  readonly other: ReplayReport
  /** Requests by the policies that admit them. */
  readonly requests: {
    readonly both: number
    readonly neither: number
    readonly onlyOne: number
    readonly onlyOther: number
  }
  /** The clients whose refusals differ most. */
  readonly clients: readonly ClientDifference[]
  /** Number of clients whose refusals differ at all. */
  readonly differing: number
}

export interface ClientDifference {
  readonly client: string
  readonly requests: number
  /** Requests refused by each policy. */
  readonly refusedByOne: number
  readonly refusedByOther: number
}

interface PlayedPolicy {
  readonly report: ReplayReport
  readonly stats: ReplayStats
}

/** Compares two replays of a trace. @param listed number of clients to list */
export function comparisonOf(
  one: PlayedPolicy,
  other: PlayedPolicy,
  requests: Comparison['requests'],
  listed: number,
): Comparison {
  const differences: ClientDifference[] = []
  const [clients, others] = [one.stats.clients, other.stats.clients]
  for (let slot = 1; slot <= clients.size; slot++) {
    const refusedByOne = clients.refused(slot)
    const otherSlot = others.slotOf(clients.sender(slot))
    const refusedByOther = otherSlot === OTHERS ? 0 : others.refused(otherSlot)
    if (refusedByOne === refusedByOther) continue
    const [client, sent] = [clients.name(slot), clients.requests(slot)]
    differences.push({ client, requests: sent, refusedByOne, refusedByOther })
  }
  const size = ({ refusedByOne, refusedByOther }: ClientDifference) => Math.abs(refusedByOne - refusedByOther)
  // The sort is stable and keeps clients in the order of their first request.
  differences.sort((a, b) => size(b) - size(a))
  return {
    one: one.report,
    other: other.report,
    requests,
    clients: differences.slice(0, listed),
    differing: differences.length,
  }
}
