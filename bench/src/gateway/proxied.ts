import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import type { Contender, Started } from '../harness/bench.js'
import { loadOn } from '../harness/load.js'
import { freePorts } from '../harness/ports.js'
import { type ServerProcess, startServer } from '../harness/server-process.js'
import { type StartProxy, temporaryFolder } from './proxies.js'

const UPSTREAM = fileURLToPath(new URL('./upstream.js', import.meta.url))
const LOAD = { duration: 1, connections: 32, method: 'POST', body: '{"features":[1,2,3]}' } as const

/** Seconds of load after which what is often run is compiled. */
const COMPILING = 4

interface Chain {
  readonly proxy: ServerProcess
  readonly upstream: ServerProcess
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

/** A rate that leaves half of a core to spare. */
const HALF_LOAD = 2500
/** Of so many requests in a second, one in a hundred is slower. */
const PERCENTILE = 'p99'

/** By how much a proxy makes the slowest of a hundred requests slower at half load, in milliseconds. */
export function delay(name: string, role: Contender['role'], start: StartProxy): Contender {
  return {
    name,
    role,
    start: () =>
      chain(start, async ({ proxy, upstream }) => {
        const direct = await latency(upstream.port)
        return (await latency(proxy.port)) - direct
      }),
  }
}

async function latency(port: number): Promise<number> {
  const { latency } = await autocannon({
    url: `http://127.0.0.1:${port}/predict`,
    ...LOAD,
    headers: { 'content-type': 'application/json' },
    connections: 16,
    overallRate: HALF_LOAD,
  })
  return latency[PERCENTILE]
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
    await loadOn(`http://127.0.0.1:${port}/predict`, { ...LOAD, duration: COMPILING })
    return { measure: () => measure({ proxy, upstream }), stop: () => stop(proxy) }
  } catch (error) {
    await stop()
    throw error
  }
}
