import { fileURLToPath } from 'node:url'
import { measureLatencies } from '../gateway/paced-load.js'
import { KEYS, type StartProxy, temporaryFolder } from '../gateway/proxies.js'
import type { Contender } from '../harness/bench.js'
import { responsesTo } from '../harness/load.js'
import { freePorts } from '../harness/ports.js'
import { type ServerProcess, startServer } from '../harness/server-process.js'
import { quantile } from '../harness/statistics.js'
import type { StartApp } from './apps.js'
import { COMPLETIONS, PREDICTIONS, type Requests, requestBytes } from './requests.js'

const UPSTREAM = fileURLToPath(new URL('./upstream.js', import.meta.url))
const CONNECTIONS = 32
/** Seconds of load before the measurement, after which the hot code is compiled. */
const WARM_UP_SECONDS = 4
const LATENCY_CONNECTIONS = 16
/** Load while the latency is measured, within the capacity of every contender. */
const PACES = { model: { rate: 50, durationSeconds: 2 }, app: { rate: 300, durationSeconds: 1 } } as const

/** A server with a limit, and the server without one that it is compared with. */
interface Pair {
  readonly limited: ServerProcess
  readonly direct: ServerProcess
  stop(): Promise<void>
}

/**
 * Measures a proxy in front of a model: requests per second of one core, the latency that it adds
 * (p50 and p99, in ms), and its memory in MiB. The upstream is not counted.
 */
export function modelProxy(name: string, role: Contender['role'], start: StartProxy): Contender {
  return {
    name,
    role,
    async start() {
      const pair = await proxyPair(start, (port) =>
        startServer(process.execPath, [UPSTREAM, String(port), '20'], port),
      )
      await warmUp(pair, COMPLETIONS)
      return {
        async measure() {
          const cpu = await cpuPerRequest(pair.limited, COMPLETIONS)
          return [1 / cpu, ...(await addedLatency(pair, COMPLETIONS, PACES.model)), mebibytes(pair.limited)]
        },
        stop: () => pair.stop(),
      }
    },
  }
}

/** Measures an application with a limit in the same process. See `limitedBy`. */
export function limitedApp(
  name: string,
  role: Contender['role'],
  start: StartApp,
  unlimited: StartApp,
): Contender {
  return limitedBy(name, role, async () => {
    const direct = await unlimited()
    const limited = await start().catch(async (error) => {
      await direct.stop()
      throw error
    })
    return { limited, direct, stop: () => stopAll(limited, direct) }
  })
}

/** Measures a gateway in front of an application without limits. See `limitedBy`. */
export function gatewayAndApp(name: string, start: StartProxy, unlimited: StartApp): Contender {
  return limitedBy(name, 'ours', async () => {
    const pair = await proxyPair(start, unlimited)
    const { limited: gateway, direct: app } = pair
    const limited = {
      ...gateway,
      cpuSeconds: () => gateway.cpuSeconds() + app.cpuSeconds(),
      residentBytes: () => gateway.residentBytes() + app.residentBytes(),
    }
    return { ...pair, limited }
  })
}

/**
 * Measures an application with a limit, and every process that the limit requires: requests per
 * second of one core, the processor time per request that the limit adds, in µs, the latency that
 * it adds (p50 and p99, in ms), and the memory of all in MiB.
 */
function limitedBy(name: string, role: Contender['role'], startPair: () => Promise<Pair>): Contender {
  return {
    name,
    role,
    async start() {
      const pair = await startPair()
      await warmUp(pair, PREDICTIONS)
      return {
        async measure() {
          const direct = await cpuPerRequest(pair.direct, PREDICTIONS)
          const limited = await cpuPerRequest(pair.limited, PREDICTIONS)
          const latency = await addedLatency(pair, PREDICTIONS, PACES.app)
          return [1 / limited, (limited - direct) * 1e6, ...latency, mebibytes(pair.limited)]
        },
        stop: () => pair.stop(),
      }
    },
  }
}

/** Starts a server without limits, and a proxy in front of it. */
async function proxyPair(
  start: StartProxy,
  startDirect: (port: number) => Promise<ServerProcess>,
): Promise<Pair> {
  const [port = 0, upstreamPort = 0] = await freePorts(2)
  const { folder, remove } = temporaryFolder()
  const direct = await startDirect(upstreamPort)
  const stop = async (limited?: ServerProcess) => {
    await stopAll(limited, direct)
    remove()
  }
  try {
    const limited = await start(port, direct.port, folder)
    return { limited, direct, stop: () => stop(limited) }
  } catch (error) {
    await stop()
    throw error
  }
}

async function stopAll(...servers: readonly (ServerProcess | undefined)[]): Promise<void> {
  for (const server of servers) await server?.stop()
}

async function warmUp(pair: Pair, requests: Requests): Promise<void> {
  try {
    await load(pair.direct, requests, WARM_UP_SECONDS / 2)
    await load(pair.limited, requests, WARM_UP_SECONDS)
  } catch (error) {
    await pair.stop()
    throw error
  }
}

/** Returns the processor time per request, in seconds. */
async function cpuPerRequest(server: ServerProcess, requests: Requests): Promise<number> {
  const before = server.cpuSeconds()
  const responses = await load(server, requests, 1)
  return (server.cpuSeconds() - before) / responses
}

/** Puts a server under load and returns the number of responses. */
function load({ port }: ServerProcess, { path, body }: Requests, duration: number): Promise<number> {
  const url = `http://127.0.0.1:${port}${path}`
  return responsesTo(url, { method: 'POST', body, keys: KEYS, connections: CONNECTIONS, duration })
}

/** Returns how much higher p50 and p99 of the latency are with the limit, in milliseconds. */
async function addedLatency(
  { direct, limited }: Pair,
  requests: Requests,
  load: { readonly rate: number; readonly durationSeconds: number },
): Promise<number[]> {
  const latencies = async ({ port }: ServerProcess) => {
    const request = requestBytes(requests, port)
    const pace = { ...load, connections: LATENCY_CONNECTIONS, request }
    return [...(await measureLatencies(port, pace))]
  }
  const [without, withLimit] = [await latencies(direct), await latencies(limited)]
  return [0.5, 0.99].map((fraction) => quantile(withLimit, fraction) - quantile(without, fraction))
}

function mebibytes(server: ServerProcess): number {
  return server.residentBytes() / 2 ** 20
}
