import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type StartProxy, temporaryFolder } from '../gateway/proxies.js'
import { CannotRun, type Contender } from '../harness/bench.js'
import { freePorts } from '../harness/ports.js'
import { type ServerProcess, startServer } from '../harness/server-process.js'
import { Streams } from './stream-load.js'

const UPSTREAM = fileURLToPath(new URL('./upstream.js', import.meta.url))
/** Seconds over which the streams begin. */
const RAMP_SECONDS = 3
/** Seconds of open streams before the measurement, after which the hot code is compiled. */
const WARM_UP_SECONDS = 4
const MEASURED_SECONDS = 4
/** More events than are sent while a stream is open. */
const ENDLESS = 100_000
/** A contender that delivers a smaller share of the events is overloaded. */
const MIN_DELIVERED = 0.95

export interface StreamLoad {
  readonly streams: number
  /** Events per second of each stream. */
  readonly rate: number
}

/**
 * Measures a proxy that passes on streams: processor time per event in µs, memory per stream in
 * KiB, and the median time that it adds until the first event, in ms. All processes of the proxy
 * count. They are started again for each measurement, since memory is rarely returned.
 */
export function streaming(
  name: string,
  role: Contender['role'],
  start: StartProxy,
  load: StreamLoad,
): Contender {
  return {
    name,
    role,
    async start() {
      // A contender that cannot start is reported once, and not in every round.
      await withProxy(start, load, async () => [])
      return { measure: () => withProxy(start, load, (proxy, upstream) => measure(proxy, upstream, load)) }
    },
  }
}

async function withProxy(
  start: StartProxy,
  { rate }: StreamLoad,
  use: (proxy: ServerProcess, upstream: ServerProcess) => Promise<readonly number[]>,
): Promise<readonly number[]> {
  const [port = 0, upstreamPort = 0] = await freePorts(2)
  const { folder, remove } = temporaryFolder()
  const interval = String(1000 / rate)
  const servers: ServerProcess[] = []
  try {
    const upstream = await startServer(
      process.execPath,
      [UPSTREAM, String(upstreamPort), interval],
      upstreamPort,
    )
    servers.push(upstream)
    const proxy = await start(port, upstreamPort, folder)
    servers.push(proxy)
    return await use(proxy, upstream)
  } finally {
    for (const server of servers.toReversed()) await server.stop()
    remove()
  }
}

async function measure(proxy: ServerProcess, upstream: ServerProcess, load: StreamLoad): Promise<number[]> {
  const { streams, rate } = load
  await timeToFirstEvent(proxy, load)
  const idle = proxy.residentBytes()
  const direct = await timeToFirstEvent(upstream, load)
  const open = new Streams()
  try {
    await open.open(proxy.port, streams, RAMP_SECONDS, ENDLESS)
    await after(WARM_UP_SECONDS * 1000)
    const [events, cpu, begun] = [open.events, proxy.cpuSeconds(), performance.now()]
    await after(MEASURED_SECONDS * 1000)
    const delivered = open.events - events
    const used = proxy.cpuSeconds() - cpu
    const sent = (streams * rate * (performance.now() - begun)) / 1000
    if (delivered < sent * MIN_DELIVERED)
      throw new CannotRun(`delivers ${Math.round((100 * delivered) / sent)} % of the events of this load`)
    const perStream = (proxy.residentBytes() - idle) / streams / 1024
    return [(used / delivered) * 1e6, perStream, open.timeToFirstEvent - direct]
  } finally {
    open.close()
  }
}

/** Returns the median time until the first event while short streams begin, in milliseconds. */
async function timeToFirstEvent({ port }: ServerProcess, { streams }: StreamLoad): Promise<number> {
  const short = new Streams()
  try {
    await short.open(port, streams / 5, RAMP_SECONDS / 3, 1)
    return short.timeToFirstEvent
  } finally {
    short.close()
  }
}
