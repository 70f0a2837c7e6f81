import { fileURLToPath } from 'node:url'
import type { Contender, Started } from '../harness/bench.js'
import { loadOn } from '../harness/load.js'
import { freePorts } from '../harness/ports.js'
import { type ServerProcess, startServer } from '../harness/server-process.js'
import { median, quantile } from '../harness/statistics.js'
import { measureLatencies } from './paced-load.js'
import { type StartProxy, temporaryFolder } from './proxies.js'

const UPSTREAM = fileURLToPath(new URL('./upstream.js', import.meta.url))
const LOAD = { duration: 1, connections: 32, method: 'POST', body: '{"features":[1,2,3]}' } as const

/** Seconds of load before the measurement, in which the hot code is compiled. */
const WARM_UP_SECONDS = 4

interface Chain {
  readonly proxy: ServerProcess
  readonly upstream: ServerProcess
  /** Processor time per request of the proxy and the upstream together, in seconds. */
  readonly cpuPerRequest: number
}

/**
 * Measures the requests that a proxy forwards per second of its processor time. That is the
 * capacity of one core, regardless of other load on the machine.
 *
 * @param keys API keys that the requests use in turn
 */
export function throughput(
  name: string,
  role: Contender['role'],
  start: StartProxy,
  keys?: readonly string[],
): Contender {
  const load = { ...LOAD, ...(keys !== undefined && { keys }) }
  return {
    name,
    role,
    start: () =>
      startChain(start, async ({ proxy }) => {
        const before = proxy.cpuSeconds()
        const responses = await loadOn(`http://127.0.0.1:${proxy.port}/predict`, load)
        return (responses * LOAD.duration) / (proxy.cpuSeconds() - before)
      }),
  }
}

// Latency is measured in short slices that alternate between direct and proxied load. The result is
// the median of their differences, which tolerates noise in single slices.
const SLICES = 8
const SLICE_SECONDS = 0.25
const CONNECTIONS = 16

/**
 * Measures the latency that a proxy adds at half load, in milliseconds: the 99th percentile through
 * the proxy minus the one without it, at the same even rate. At that rate the proxy and the
 * upstream together occupy half of one core. On a machine with two cores, the load generator uses
 * the second core.
 */
export function addedLatency(name: string, role: Contender['role'], start: StartProxy): Contender {
  return {
    name,
    role,
    start: () =>
      startChain(start, async ({ proxy, upstream, cpuPerRequest }) => {
        const added: number[] = []
        for (let slice = 0; slice < SLICES; slice++) {
          const direct = await latencyP99(upstream.port, 0.5 / cpuPerRequest)
          added.push((await latencyP99(proxy.port, 0.5 / cpuPerRequest)) - direct)
        }
        return median(added)
      }),
  }
}

/** Returns the 99th percentile of the latency, in milliseconds. */
async function latencyP99(port: number, rate: number): Promise<number> {
  const head = [
    `${LOAD.method} /predict HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    `Content-Length: ${LOAD.body.length}`,
  ]
  const request = Buffer.from(`${head.join('\r\n')}\r\n\r\n${LOAD.body}`)
  const pace = { rate, durationSeconds: SLICE_SECONDS, connections: CONNECTIONS, request }
  return quantile([...(await measureLatencies(port, pace))], 0.99)
}

/** Starts an upstream and a proxy in front of it, on which `measure` runs. */
async function startChain(start: StartProxy, measure: (chain: Chain) => Promise<number>): Promise<Started> {
  const [port, upstreamPort] = (await freePorts(2)) as [number, number]
  const { folder, remove } = temporaryFolder()
  const upstream = await startServer(process.execPath, [UPSTREAM, String(upstreamPort)], upstreamPort)
  const stop = async (proxy?: ServerProcess) => {
    await proxy?.stop()
    await upstream.stop()
    remove()
  }
  try {
    const proxy = await start(port, upstreamPort, folder)
    const cpuSeconds = () => proxy.cpuSeconds() + upstream.cpuSeconds()
    const url = `http://127.0.0.1:${port}/predict`
    await loadOn(url, { ...LOAD, duration: WARM_UP_SECONDS })
    const before = cpuSeconds()
    const responses = await loadOn(url, LOAD)
    const cpuPerRequest = (cpuSeconds() - before) / (responses * LOAD.duration)
    return { measure: () => measure({ proxy, upstream, cpuPerRequest }), stop: () => stop(proxy) }
  } catch (error) {
    await stop()
    throw error
  }
}
