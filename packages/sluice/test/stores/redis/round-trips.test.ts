import { createServer, connect as dial, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { ScriptStore } from '../../../src/stores/redis/redis-store.js'
import type { Charge } from '../../../src/stores/store.js'
import { type RedisServer, startRedis } from '../servers/redis.js'
import { type Connected, connect, type Running } from './topologies.js'

const HOUR = 3_600_000
const FIVE: Limit[] = [
  { algorithm: 'token-bucket', limit: 5, period: HOUR, burst: 5 },
  { algorithm: 'fixed-window', limit: 5, period: HOUR, align: 'calendar' },
  { algorithm: 'sliding-window', limit: 5, period: HOUR },
  { algorithm: 'sliding-log', limit: 5, period: HOUR },
  { algorithm: 'concurrency', limit: 5, lease: HOUR },
]

/** A proxy that counts the round trips of a client. */
interface Proxy {
  readonly port: number
  roundTrips: number
  stop(): void
}

let server: RedisServer
let proxy: Proxy

beforeAll(async () => {
  server = await startRedis()
  proxy = await startProxy(server.port)
})

afterAll(async () => {
  proxy?.stop()
  await server?.stop()
})

describe.each(['ioredis', 'node-redis', 'url'] as const)('the Redis store with %s', (name) => {
  let connected: Connected

  beforeAll(async () => {
    const url = `redis://127.0.0.1:${proxy.port}`
    const running: Running = { topology: 'standalone', url, nodes: [server], stop: async () => {} }
    connected = await connect(running, name, `${name}:`)
    await connected.store.take(charges('warm up'))
    proxy.roundTrips = 0
  })

  afterAll(() => connected?.close())

  it('decides a request with five limits in one round trip', async () => {
    const verdicts = await connected.store.take(charges('five limits'))
    expect(verdicts.map(({ remaining }) => remaining)).toEqual([4, 4, 4, 4, 4])
    expect(proxy.roundTrips).toBe(1)
  })

  it('sends the calls of one tick in one round trip', async () => {
    proxy.roundTrips = 0
    const verdicts = await Promise.all(
      Array.from({ length: 40 }, (_, call) => connected.store.take(charges(`${call}`))),
    )
    expect(verdicts.flat().every(({ allowed }) => allowed)).toBe(true)
    expect(proxy.roundTrips).toBe(1)
  })

  it('ignores the clock of the process', async () => {
    const limits = FIVE.map((limit) => ({
      scope: 'clocks',
      key: limit.algorithm,
      limit,
      cost: 1,
      lease: 'a',
    }))
    const before = await connected.store.take(limits)
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      for (const off of [HOUR, -HOUR, 30 * 24 * HOUR]) {
        vi.setSystemTime(Date.now() + off)
        const verdicts = await connected.store.peek(limits.map((each) => ({ ...each, cost: 0 })))
        verdicts.forEach(({ remaining, at, resetAfter }, index) => {
          const first = before[index]
          expect(remaining).toBe(4)
          expect(Math.abs(at + resetAfter - ((first?.at ?? 0) + (first?.resetAfter ?? 0)))).toBeLessThan(1)
        })
      }
    } finally {
      vi.useRealTimers()
    }
  })
})

it('the Redis store fails if no calendar window contains the time of the server', async () => {
  const connection = {
    cluster: false,
    keyPrefix: '',
    // The server's time is 0, and the only job has an outdated window.
    run: async () => [Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 2])],
    close: async () => {},
  }
  const store = new ScriptStore(connection, '')
  await expect(store.take(charges('lost'))).rejects.toThrow('calendar')
})

function charges(key: string): Charge[] {
  return FIVE.map((limit) => ({ scope: limit.algorithm, key, limit, cost: 1, lease: key }))
}

/**
 * Starts a proxy that delays replies until the client stops sending, and counts the round trips.
 */
async function startProxy(to: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const state = { port: 0, roundTrips: 0, stop: () => {} }
  const listener = createServer((client) => {
    const upstream = dial(to, '127.0.0.1')
    sockets.add(client).add(upstream)
    let hasReplied = true
    let replies: Buffer[] = []
    let silence: NodeJS.Timeout | undefined
    const sendReplies = () => {
      for (const data of replies) client.write(data)
      hasReplied = true
      replies = []
    }
    client.on('data', (data) => {
      if (hasReplied) state.roundTrips++
      hasReplied = false
      upstream.write(data)
      clearTimeout(silence)
      silence = setTimeout(sendReplies, 50)
    })
    upstream.on('data', (data) => {
      replies.push(data)
      clearTimeout(silence)
      silence = setTimeout(sendReplies, 50)
    })
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy())
    client.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  if (address !== null && typeof address !== 'string') state.port = address.port
  state.stop = () => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  }
  return state
}
