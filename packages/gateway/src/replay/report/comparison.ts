import { OTHERS } from '../stats/client-stats.js'
import type { ReplayStats } from '../stats/replay-stats.js'
import type { ReplayReport } from './report.js'

/** What another policy would have done otherwise with the same load. */
export interface Comparison {
  readonly one: ReplayReport
  readonly other: ReplayReport
  /** Requests by who let them in. */
  readonly requests: {
    readonly both: number
    readonly neither: number
    readonly onlyOne: number
    readonly onlyOther: number
  }
  /** Those whose refusals differ most. */
  readonly clients: readonly ClientDifference[]
  /** Clients for whom there is any difference in what was refused. */
  readonly differing: number
}

export interface ClientDifference {
  readonly client: string
  readonly requests: number
  /** Refused by the one and by the other policy. */
  readonly refusedByOne: number
  readonly refusedByOther: number
}

interface PlayedPolicy {
  readonly report: ReplayReport
  readonly tally: ReplayStats
}

/** @param listed how many clients are listed */
export function comparisonOf(
  one: PlayedPolicy,
  other: PlayedPolicy,
  requests: Comparison['requests'],
  listed: number,
): Comparison {
  const differences: ClientDifference[] = []
  const [clients, others] = [one.tally.clients, other.tally.clients]
  for (let place = 1; place <= clients.size; place++) {
    const refusedByOne = clients.refused(place)
    const otherPlace = others.placeOf(clients.sender(place))
    const refusedByOther = otherPlace === OTHERS ? 0 : others.refused(otherPlace)
    if (refusedByOne === refusedByOther) continue
    const [client, sent] = [clients.name(place), clients.requests(place)]
    differences.push({ client, requests: sent, refusedByOne, refusedByOther })
  }
  const size = ({ refusedByOne, refusedByOther }: ClientDifference) => Math.abs(refusedByOne - refusedByOther)
  // The sort is stable, and clients come in the order in which they were first seen.
  differences.sort((a, b) => size(b) - size(a))
  return {
    one: one.report,
    other: other.report,
    requests,
    clients: differences.slice(0, listed),
    differing: differences.length,
  }
}
