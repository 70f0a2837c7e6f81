import { Agent, createServer, type IncomingHttpHeaders, type RequestListener, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, vi } from 'vitest'
import { type RedisServer, startRedis } from '../../packages/sluice/test/stores/servers/redis.js'
import { seededRandom } from '../fuzz/random.js'

/** One of two applications that receive the same requests. */
export type Side = (request: TestRequest) => Promise<Reply>

export interface TestRequest {
  /** The address that the request comes from. */
  readonly client: string
  readonly path: string
  /** Default: `GET`. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Sequence {
  readonly requests: number
  readonly clients: readonly string[]
  /** Default: `/`. */
  readonly paths?: readonly string[]
  readonly windowMs: number
  /** `any`: time passes in steps of any length. `windows`: only in whole windows. */
  readonly steps: 'any' | 'windows'
  /** Probability that time passes before a request. */
  readonly passes: number
}

/** Lets time pass for both sides. */
export type Pass = (ms: number) => void | Promise<void>

/**
 * Fakes the clocks of this process, except timeouts unless they are named. Node's own timers keep
 * running, so HTTP works.
 */
export function fakeClocks(...also: 'timeouts'[]): void {
  const timeouts = also.flatMap(() => ['setTimeout', 'clearTimeout'] as const)
  vi.useFakeTimers({
    toFake: ['Date', 'performance', 'setInterval', 'clearInterval', ...timeouts],
    now: Date.UTC(2026, 0, 15, 12),
  })
  onTestFinished(() => {
    vi.useRealTimers()
  })
}

export const passInMemory: Pass = (ms) => {
  vi.advanceTimersByTime(ms)
}

/**
 * Starts a Redis for one test. Its clock cannot be set, so the end of a window is the removal of
 * all keys, which is what expiry does.
 */
export async function redisForTest(): Promise<{ readonly server: RedisServer; readonly pass: Pass }> {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  return {
    server,
    async pass(ms) {
      await server.cli('flushdb')
      vi.advanceTimersByTime(ms)
    },
  }
}

/**
 * Sends the same random requests to both sides, and calls `compare` with each pair of replies. A
 * failure prints the seed and the number of the request.
 */
export async function sideBySide<Answer>(
  sequence: Sequence,
  before: (request: TestRequest) => Promise<Answer>,
  after: (request: TestRequest) => Promise<Answer>,
  pass: Pass,
  compare: (before: Answer, after: Answer, request: TestRequest) => void,
): Promise<void> {
  const seed = Number(process.env.MIGRATE_SEED ?? Math.floor(Math.random() * 2 ** 31))
  const random = seededRandom(seed)
  const { clients, paths = ['/'], windowMs, steps, passes } = sequence
  for (let number = 0; number < sequence.requests; number++) {
    if (random.chance(passes)) await pass(steps === 'windows' ? windowMs : stepOf(random, windowMs))
    // The first client sends most requests, so that it exceeds its limit in most windows.
    const client = random.chance(0.6) ? (clients[0] as string) : random.pick(clients)
    const next = { client, path: random.pick(paths) }
    const replies = await Promise.all([before(next), after(next)])
    try {
      compare(...replies, next)
    } catch (error) {
      const where = `MIGRATE_SEED=${seed}, request ${number} (${next.client} ${next.path})`
      throw new Error(`${where}: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** A step in time: often to the edge of a window, or across several. */
function stepOf(random: ReturnType<typeof seededRandom>, windowMs: number): number {
  const edges = [1, windowMs - 1, windowMs, windowMs + 1, 2 * windowMs]
  return random.chance(0.3) ? random.pick(edges) : 1 + random.below(Math.ceil(windowMs / 2))
}

/** Serves an application on a free port until the end of the test. */
export async function serve(listener: RequestListener): Promise<Side> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return sideAt((server.address() as AddressInfo).port)
}

/** Returns a client of a server on this machine, which connects from the address of a request. */
export function sideAt(port: number): Side {
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  return ({ client, path, method = 'GET', headers }) =>
    new Promise((resolve, reject) => {
      const target = { host: '127.0.0.1', port, method, path }
      request({ ...target, agent, localAddress: client, headers: { ...headers } }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text) => {
          body += text
        })
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode as number, headers: response.headers, body }),
        )
      })
        .on('error', reject)
        .end()
    })
}

/** Returns the headers that a rate limiter set, sorted by name. */
export function limitHeaders({ headers }: Reply): Record<string, string> {
  const names = Object.keys(headers).filter((name) => /^(x-)?ratelimit|^retry-after/.test(name))
  return Object.fromEntries(names.sort().map((name) => [name, String(headers[name])]))
}

/** Compares two replies; the seconds in their headers may differ by `toleranceSeconds`. */
export type CompareReplies = (before: Reply, after: Reply, toleranceSeconds?: number) => void

/** Expects both replies to have the same status and limit headers. */
export const expectSameReply: CompareReplies = (before, after, toleranceSeconds = 0) => {
  const [same, times] = splitTimes(before)
  const [sameAfter, timesAfter] = splitTimes(after)
  expect(sameAfter).toEqual(same)
  expectSameTimes(times, timesAfter, toleranceSeconds)
}

/** Expects two lists of seconds to be equal, or to differ by at most the tolerance. */
function expectSameTimes(
  before: readonly number[],
  after: readonly number[],
  toleranceSeconds: number,
): void {
  if (toleranceSeconds === 0) expect(after).toEqual(before)
  expect(after).toHaveLength(before.length)
  for (const [index, seconds] of before.entries())
    expect(Math.abs((after[index] as number) - seconds)).toBeLessThanOrEqual(toleranceSeconds)
}

/** Returns the status and limit headers of a reply, and the seconds that its headers contain. */
function splitTimes(reply: Reply): [same: Record<string, unknown>, times: number[]] {
  const times: number[] = []
  const take = (digits: string) => {
    times.push(Number(digits))
    return 'TIME'
  }
  const headers = Object.entries(limitHeaders(reply)).map(([name, value]) => [
    name,
    /^retry-after$|-reset$/.test(name)
      ? value.replace(/\d+/, take)
      : value.replace(/(?<=\breset=|\bt=)\d+/, take),
  ])
  return [{ status: reply.status, ...Object.fromEntries(headers) }, times]
}

/**
 * Returns a function that tells how far the seconds of two sides on Redis may differ. Their windows
 * start at different moments of the test, and the clock of Redis does not stand still.
 */
export function redisTolerance(): () => number {
  const start = process.hrtime.bigint()
  return () => 1 + Math.ceil(Number(process.hrtime.bigint() - start) / 1e9)
}
