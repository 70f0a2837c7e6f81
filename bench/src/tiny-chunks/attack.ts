import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { latenciesOf } from '../gateway/paced-load.js'
import { temporaryFolder } from '../gateway/proxies.js'
import { CannotRun, type Contender } from '../harness/bench.js'
import { freePorts } from '../harness/ports.js'
import { startServer } from '../harness/server-process.js'
import { median } from '../harness/statistics.js'

const SLUICE = fileURLToPath(new URL('../../../packages/gateway/bin/sluice.js', import.meta.url))
const UPSTREAM = fileURLToPath(new URL('../gateway/upstream.js', import.meta.url))
const BODIES = 5
const BODY_BYTES = 1_000_000
const HEAD =
  'POST /rows HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
const OTHERS = { rate: 100, duration: 5, connections: 8 } as const

interface Effect {
  /** Most memory above idle, in MiB. */
  readonly memory: number
  /** The median latency of others, in terms of that without the attack. */
  readonly slowdown: number
}

/** A gateway that is sent bodies in chunks of a byte, which never end, while others go on asking. */
export function attacked(name: string, figure: (effect: Effect) => number): Contender {
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
upstream: http://127.0.0.1:${upstreamPort}
routes:
  - { match: POST /rows, limits: [{ limit: 1000000/second, of: rows, cost: size(body.data) }] }
  - { match: POST /predict, limits: [1000000/second] }
`,
      )
      const upstream = await startServer(process.execPath, [UPSTREAM, String(upstreamPort)], upstreamPort)
      const options = ['--max-old-space-size=256', SLUICE, 'serve', file]
      const gateway = await startServer(process.execPath, options, port)
      return {
        measure: async () => figure(await attack(port, gateway.pid)),
        async stop() {
          await gateway.stop()
          await upstream.stop()
          remove()
        },
      }
    },
  }
}

async function attack(port: number, pid: number): Promise<Effect> {
  const before = median([...(await others(port))])
  const idle = resident(pid)
  let most = idle
  const watch = setInterval(() => {
    most = Math.max(most, resident(pid))
  }, 50)
  const chunks = Buffer.from('1\r\na\r\n'.repeat(BODY_BYTES))
  const attackers = Array.from({ length: BODIES }, () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(HEAD)
    socket.write(chunks)
    return socket
  })
  try {
    const during = median([...(await others(port))])
    return { memory: (most - idle) / 2 ** 20, slowdown: during / before }
  } finally {
    clearInterval(watch)
    for (const socket of attackers) socket.destroy()
  }
}

function others(port: number): Promise<Float64Array> {
  const body = '{"features":[1,2,3]}'
  const head = `POST /predict HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
  return latenciesOf(port, { ...OTHERS, request: Buffer.from(head + body) })
}

/** What a process holds in memory, in bytes: heap, buffers and all. */
function resident(pid: number): number {
  try {
    const pages = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return Number(pages) * 1024
  } catch {
    throw new CannotRun('the gateway has ended, or there is no /proc')
  }
}
