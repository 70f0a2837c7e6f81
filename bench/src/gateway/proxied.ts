import { fileURLToPath } from 'node:url'
import type { Contender, Started } from '../harness/bench.js'
import { loadOn } from '../harness/load.js'
import { freePorts } from '../harness/ports.js'
import { type ServerProcess, startServer } from '../harness/server-process.js'
import { median, quantile } from '../harness/statistics.js'
import { latenciesOf } from './paced-load.js'
import { type StartProxy, temporaryFolder } from './proxies.js'

const UPSTREAM = fileURLToPath(new URL('./upstream.js', import.meta.url))
const LOAD = { duration: 1, connections: 32, method: 'POST', body: '{"features":[1,2,3]}' } as const

/** Seconds of load after which what is often run is compiled. */
const COMPILING = 4

interface Chain {
  readonly proxy: ServerProcess
  readonly upstream: ServerProcess
  /** For how long a request keeps the proxy and the upstream busy, together and in seconds. */
  readonly busy: number
}

/** Requests that a proxy passes on in a second of its processor time: what one core can serve, whatever else the machine does. */
export function throughput(name: string, role: Contender['role'], start: StartProxy): Contender {
  return {
    name,
    role,
    start: () =>
      chain(start, async ({ proxy }) => {
        const before = proxy.used()
        const answered = await loadOn(`http://127.0.0.1:${proxy.port}/predict`, LOAD)
        return (answered * LOAD.duration) / (proxy.used() - before)
      }),
  }
}

/** A measure of latency: slices of a direct and a proxied load in turn, and the median of what they differ by, so that what disturbs one is no matter. */
const SLICES = 8
const SLICE_SECONDS = 0.25
const FEW_CONNECTIONS = 16

/**
 * By how much a proxy makes the slowest of a hundred requests slower at half load, in milliseconds: the 99th percentile through it less that
 * without it, both at the same even pace. At that pace the proxy and the upstream together are busy for half of the time of one core; on a
 * machine of two the load has the other.
 */
export function delay(name: string, role: Contender['role'], start: StartProxy): Contender {
  return {
    name,
    role,
    start: () =>
      chain(start, async ({ proxy, upstream, busy }) => {
        const added: number[] = []
        for (let slice = 0; slice < SLICES; slice++) {
          const direct = await slowOf(upstream.port, 0.5 / busy)
          added.push((await slowOf(proxy.port, 0.5 / busy)) - direct)
        }
        return median(added)
      }),
  }
}

/** How long the slowest of a hundred requests takes. */
async function slowOf(port: number, rate: number): Promise<number> {
  const head = [
    `${LOAD.method} /predict HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    `Content-Length: ${LOAD.body.length}`,
  ]
  const request = Buffer.from(`${head.join('\r\n')}\r\n\r\n${LOAD.body}`)
  const pace = { rate, duration: SLICE_SECONDS, connections: FEW_CONNECTIONS, request }
  return quantile([...(await latenciesOf(port, pace))], 0.99)
}

/** An upstream, a proxy before it, and what is measured of them. */
async function chain(start: StartProxy, measure: (chain: Chain) => Promise<number>): Promise<Started> {
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
    const used = () => proxy.used() + upstream.used()
    const url = `http://127.0.0.1:${port}/predict`
    await loadOn(url, { ...LOAD, duration: COMPILING })
    const before = used()
    const answered = await loadOn(url, LOAD)
    const busy = (used() - before) / (answered * LOAD.duration)
    return { measure: () => measure({ proxy, upstream, busy }), stop: () => stop(proxy) }
  } catch (error) {
    await stop()
    throw error
  }
}
