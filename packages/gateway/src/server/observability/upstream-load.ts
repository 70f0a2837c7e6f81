/** The state of one address of an upstream. */
interface AddressLoad {
  /** The host and port. */
  readonly address: string
  /** False if the address is skipped; with workers, if one of them skips it. */
  readonly up: boolean
  readonly inFlight: number
}

/** The state and the counts of an upstream, in a gateway or in one of its processes. */
export interface UpstreamLoad {
  readonly upstream: string
  readonly addresses: readonly AddressLoad[]
  /** Completed attempts by status, or `error` if there was no response. */
  readonly responses: Readonly<Record<string, number>>
  /** Requests that were sent to a fallback instead. */
  readonly fallbacks: number
  /** Pauses that the provider asked for. */
  readonly pauses: number
  /** Milliseconds until the current pause ends; 0 without one. */
  readonly pausedMs: number
}

/** Combines the upstreams of several processes. */
export function combinedUpstreams(lists: Iterable<readonly UpstreamLoad[]>): readonly UpstreamLoad[] {
  const combined = new Map<string, UpstreamLoad>()
  for (const list of lists)
    for (const load of list) {
      const known = combined.get(load.upstream)
      combined.set(load.upstream, known === undefined ? load : combine(known, load))
    }
  return [...combined.values()]
}

/** Returns the counts of a worker that exited, which remain part of the totals. */
export function exitedUpstreams(list: readonly UpstreamLoad[]): readonly UpstreamLoad[] {
  return list.map((load) => ({ ...load, addresses: [], pausedMs: 0 }))
}

function combine(one: UpstreamLoad, other: UpstreamLoad): UpstreamLoad {
  const addresses = new Map(one.addresses.map((address) => [address.address, address]))
  for (const added of other.addresses) {
    const known = addresses.get(added.address)
    addresses.set(added.address, {
      address: added.address,
      up: added.up && known?.up !== false,
      inFlight: added.inFlight + (known?.inFlight ?? 0),
    })
  }
  const responses: Record<string, number> = { ...one.responses }
  for (const [status, count] of Object.entries(other.responses))
    responses[status] = (responses[status] ?? 0) + count
  return {
    upstream: one.upstream,
    addresses: [...addresses.values()],
    responses,
    fallbacks: one.fallbacks + other.fallbacks,
    pauses: one.pauses + other.pauses,
    pausedMs: Math.max(one.pausedMs, other.pausedMs),
  }
}
