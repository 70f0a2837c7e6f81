/** What a gateway, or one process of it, holds of its clients. Counts of refusals are since the start. */
export interface ServerLoad {
  readonly connections: number
  readonly maxConnections: number
  readonly refusedConnections: number
  /** Bytes of request bodies. */
  readonly bodyMemory: number
  readonly maxBodyMemory: number
  readonly refusedBodies: number
}

/** Bytes, and how many bodies were refused. */
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

/** The load of this process: its connections, and the memory of the bodies that it reads. */
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

/** The load of several processes together. */
export function summedLoad(loads: Iterable<ServerLoad>): ServerLoad {
  const sum = { ...NO_LOAD } as Record<keyof ServerLoad, number>
  for (const load of loads)
    for (const name of Object.keys(sum) as (keyof ServerLoad)[]) sum[name] += load[name]
  return sum
}

/** What stays counted of a process that is gone. */
export function exitedWorkerLoad({ refusedConnections, refusedBodies }: ServerLoad): ServerLoad {
  return { ...NO_LOAD, refusedConnections, refusedBodies }
}
