import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measureLatencies } from '../gateway/paced-load.js'
import { SLUICE, temporaryFolder } from '../gateway/proxies.js'
import type { Contender } from '../harness/bench.js'
import { freePorts } from '../harness/ports.js'
import { type ServerProcess, startServer } from '../harness/server-process.js'
import { median } from '../harness/statistics.js'

const UPSTREAM = fileURLToPath(new URL('../gateway/upstream.js', import.meta.url))
const BODIES = 5
const BODY_BYTES = 1_000_000
const CHUNKS = Buffer.from('1\r\na\r\n'.repeat(BODY_BYTES))
const HEAD =
  'POST /rows HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
const OTHER_REQUESTS = { rate: 100, connections: 8 } as const
/** Duration of the attack while memory is measured, in seconds. */
const ATTACK_SECONDS = 5
/** The attack alternates with quiet phases, so that noise on the machine affects both equally. */
const PHASES = 3
const PHASE_SECONDS = 3
/** Interval between memory measurements, in milliseconds. */
const POLL_INTERVAL_MS = 50

/** Measures a figure of a gateway with a small heap. */
export function attacked(
  name: string,
  workers: number,
  figure: (gateway: Gateway) => Promise<number>,
): Contender {
  return {
    name,
    role: 'ours',
    async start() {
      const [port, upstreamPort] = (await freePorts(2)) as [number, number]
      const { folder, remove } = temporaryFolder()
      const file = join(folder, 'gateway.yaml')
      writeFileSync(
        file,
        `listen: 127.0.0.1:${port}
admin: off
workers: ${workers}
upstream: http://127.0.0.1:${upstreamPort}
routes:
  - { match: POST /rows, limits: [{ limit: 1000000/second, of: rows, cost: size(body.data) }] }
  - { match: POST /predict, limits: [1000000/second] }
`,
      )
      const upstream = await startServer(process.execPath, [UPSTREAM, String(upstreamPort)], upstreamPort)
      const options = ['--max-old-space-size=256', SLUICE, 'serve', file]
      const gateway = await startServer(process.execPath, options, port).catch(async (error) => {
        await upstream.stop()
        remove()
        throw error
      })
      return {
        async measure() {
          const measured = await figure(gateway)
          // Fails unless the gateway still responds.
          await sendOthers(port, 0.1)
          return measured
        },
        async stop() {
          await gateway.stop()
          await upstream.stop()
          remove()
        },
      }
    },
  }
}

type Gateway = Pick<ServerProcess, 'port' | 'residentBytes'>

/** Returns the peak memory above idle during the attack, with other requests in flight, in MiB. */
export async function memoryAboveIdle({ port, residentBytes }: Gateway): Promise<number> {
  await sendOthers(port, PHASE_SECONDS)
  const idle = residentBytes()
  let peak = idle
  const poll = setInterval(() => {
    peak = Math.max(peak, residentBytes())
  }, POLL_INTERVAL_MS)
  const stop = await attack(port)
  try {
    await sendOthers(port, ATTACK_SECONDS)
    return (Math.max(peak, residentBytes()) - idle) / 2 ** 20
  } finally {
    clearInterval(poll)
    stop()
  }
}

/** Returns the median latency of other requests during the attack, relative to quiet phases. */
export async function slowdown({ port }: Gateway): Promise<number> {
  const quiet: number[] = []
  const during: number[] = []
  await sendOthers(port, PHASE_SECONDS)
  for (let phase = 0; phase < PHASES; phase++) {
    quiet.push(...(await sendOthers(port, PHASE_SECONDS)))
    const stop = await attack(port)
    try {
      during.push(...(await sendOthers(port, PHASE_SECONDS)))
    } finally {
      stop()
    }
  }
  return median(during) / median(quiet)
}

/** Starts sending bodies in one-byte chunks and returns a function that stops the attack. */
async function attack(port: number): Promise<() => void> {
  const attackers = await Promise.all(
    Array.from({ length: BODIES }, async () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(HEAD)
      socket.write(CHUNKS)
      return socket
    }),
  )
  return () => {
    // Without a reset, the system would still send the buffered data.
    for (const socket of attackers) socket.resetAndDestroy()
  }
}

/** Sends other requests and returns their latencies in milliseconds. */
function sendOthers(port: number, durationSeconds: number): Promise<Float64Array> {
  const body = '{"features":[1,2,3]}'
  const head = `POST /predict HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
  return measureLatencies(port, { ...OTHER_REQUESTS, durationSeconds, request: Buffer.from(head + body) })
}
