import { combinedUpstreams, exitedUpstreams, type UpstreamLoad } from './upstream-load.js'

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
  /** Empty if routes do not choose their upstream. */
  readonly upstreams: readonly UpstreamLoad[]
}

/** The memory of request bodies in bytes, and the number of refused bodies. */
interface BodyLoad {
  readonly held: number
  readonly limit: number
  readonly refused: number
}

/** The parts of a process that have a load, other than its connections. */
interface ProcessLoad extends Pick<ServerLoad, 'upstreams'> {
  readonly bodies: BodyLoad
  readonly limits: Pick<ServerLoad, 'maxConnections'>
}

export const NO_LOAD: ServerLoad = {
  connections: 0,
  maxConnections: 0,
  refusedConnections: 0,
  bodyMemory: 0,
  maxBodyMemory: 0,
  refusedBodies: 0,
  upstreams: [],
}

/** Returns the load of this process. */
export function loadOf(
  proxy: Pick<ServerLoad, 'connections' | 'refusedConnections'>,
  { bodies, limits, upstreams }: ProcessLoad,
): ServerLoad {
  return {
    connections: proxy.connections,
    maxConnections: limits.maxConnections,
    refusedConnections: proxy.refusedConnections,
    bodyMemory: bodies.held,
    maxBodyMemory: bodies.limit,
    refusedBodies: bodies.refused,
    upstreams,
  }
}

/** Returns the sum of the loads of several processes. */
export function summedLoad(loads: Iterable<ServerLoad>): ServerLoad {
  const all = [...loads]
  const { upstreams: _, ...sum }: { -readonly [Name in keyof ServerLoad]: ServerLoad[Name] } = { ...NO_LOAD }
  for (const load of all) for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += load[name]
  return { ...sum, upstreams: combinedUpstreams(all.map(({ upstreams }) => upstreams)) }
}

/** Returns the counters of a worker that exited, which remain part of the totals. */
export function exitedWorkerLoad({ refusedConnections, refusedBodies, upstreams }: ServerLoad): ServerLoad {
  return { ...NO_LOAD, refusedConnections, refusedBodies, upstreams: exitedUpstreams(upstreams) }
}
