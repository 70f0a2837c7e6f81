import type { Played } from './engine/played.js'
import type { ReplayReport } from './report/report.js'
import { OTHERS } from './tally/client-tallies.js'
import type { Tally } from './tally/tally.js'
import type { TraceRequest } from './trace/trace-request.js'

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

/** Sees how two replays decide on the same requests. */
export class Agreement {
  /** What the first of the two said of requests that the second has not decided on yet, as those that wait. */
  readonly #open = new Map<TraceRequest, { readonly by: 'one' | 'other'; readonly letIn: boolean }>()
  readonly requests = { both: 0, neither: 0, onlyOne: 0, onlyOther: 0 }

  decided(by: 'one' | 'other', { recorded, outcome }: Played): void {
    const letIn = outcome.kind === 'allowed' || outcome.kind === 'unlimited'
    const before = this.#open.get(recorded)
    if (before === undefined) {
      this.#open.set(recorded, { by, letIn })
      return
    }
    this.#open.delete(recorded)
    const byOne = by === 'one' ? letIn : before.letIn
    const byOther = by === 'other' ? letIn : before.letIn
    if (byOne) this.requests[byOther ? 'both' : 'onlyOne']++
    else this.requests[byOther ? 'onlyOther' : 'neither']++
  }
}

/** @param listed how many clients are listed */
export function comparisonOf(
  [one, other]: readonly [ReplayReport, ReplayReport],
  [tallyOfOne, tallyOfOther]: readonly [Tally, Tally],
  requests: Comparison['requests'],
  listed: number,
): Comparison {
  const differences: ClientDifference[] = []
  const [clients, others] = [tallyOfOne.clients, tallyOfOther.clients]
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
  return { one, other, requests, clients: differences.slice(0, listed), differing: differences.length }
}
