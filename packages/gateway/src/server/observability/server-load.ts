/**
 * The connections and body memory of a gateway, or of one of its processes. Refused connections and
 * bodies are counted from the start of the process.
 */
export interface ServerLoad {
  readonly connections: number
  readonly maxConnections: number
  readonly refusedConnections: number
  /** Memory of request bodies, in bytes. */
  readonly bodyMemory: number
  readonly maxBodyMemory: number
  readonly refusedBodies: number
}

/** The memory of request bodies in bytes, and the number of refused bodies. */
interface BodyLoad {
  readonly held: number
  readonly limit: number
  readonly refused: number
}

export const NO_LOAD: ServerLoad = {
  connections: 0,
  maxConnections: 0,
  refusedConnections: 0,
  bodyMemory: 0,
  maxBodyMemory: 0,
  refusedBodies: 0,
}

/** Returns the load of this process. */
export function loadOf(
  proxy: Pick<ServerLoad, 'connections' | 'refusedConnections'>,
  { bodies, limits }: { readonly bodies: BodyLoad; readonly limits: Pick<ServerLoad, 'maxConnections'> },
): ServerLoad {
  return {
    connections: proxy.connections,
    maxConnections: limits.maxConnections,
    refusedConnections: proxy.refusedConnections,
    bodyMemory: bodies.held,
    maxBodyMemory: bodies.limit,
    refusedBodies: bodies.refused,
  }
}

/** Returns the sum of the loads of several processes. */
export function summedLoad(loads: Iterable<ServerLoad>): ServerLoad {
  const sum = { ...NO_LOAD } as Record<keyof ServerLoad, number>
  for (const load of loads)
    for (const name of Object.keys(sum) as (keyof ServerLoad)[]) sum[name] += load[name]
  return sum
}

/** Returns the counters of a worker that exited, which remain part of the totals. */
export function exitedWorkerLoad({ refusedConnections, refusedBodies }: ServerLoad): ServerLoad {
  return { ...NO_LOAD, refusedConnections, refusedBodies }
}
