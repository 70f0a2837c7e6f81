import { deserialize, serialize } from 'node:v8'
import { createLimiter, type Decision, type Limiter, memoryStore, type Permit, type Rule } from 'sluice'
import { type LocalLines as Lines, LocalLines, systemTimers, withLines } from 'sluice/internal'
import { describe, expect, it } from 'vitest'
import { manualTimers } from '../../../../sluice/test/limiter/manual-timers.js'
import { LineServer } from '../../../src/server/workers/line-server.js'
import { machineTickets, type RemoteLines, remoteLines } from '../../../src/server/workers/remote-lines.js'
import { type RemoteStore, remoteStore } from '../../../src/server/workers/remote-store.js'
import { performCalls } from '../../../src/server/workers/store-server.js'

interface Call {
  readonly tenant: string
  readonly name: string
}

/** Copies a message as if it were sent to another process. */
function copy<T>(message: T): T {
  return deserialize(serialize(message))
}

/** Starts a primary with workers that have one limiter each, all with the same rules. */
function primaryWith(workers: number, rule: Rule<Call>, timers?: ReturnType<typeof manualTimers>) {
  const servers: LineServer[] = []
  const lines: Lines = new LocalLines(systemTimers, {
    onIdleChange: (areIdle) => {
      for (const server of servers) server.setIdle(areIdle)
    },
  })
  const memory = memoryStore()
  const limiters = Array.from({ length: workers }, (): Limiter<Call> => {
    const store: RemoteStore = remoteStore((calls) => {
      performCalls(memory, copy(calls)).then((replies) => store.onReplies(copy(replies)))
    })
    const server = new LineServer(lines, (replies) => remote.onReplies(copy(replies)), timers)
    const remote: RemoteLines = remoteLines((calls) => server.onCalls(copy(calls)), machineTickets())
    servers.push(server)
    return createLimiter<Call>({ store: withLines(store, remote), rules: [rule] })
  })
  return { lines, limiters, exit: (worker: number) => servers[worker]?.close() }
}

const ONE_SLOT: Rule<Call> = { concurrent: 1, by: () => 'all', wait: '60s', queue: 1_000 }

/** Waits until all messages have arrived that are on their way, and those that they cause. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await new Promise((done) => setImmediate(done))
}

function permitOf(decision: Decision | undefined): Permit {
  if (decision?.allowed !== true) throw new Error(`refused: ${JSON.stringify(decision)}`)
  return decision.permit
}

/** Lets requests wait one after the other, and serves each until `serve` releases it. */
function visitors(limiters: readonly Limiter<Call>[]) {
  const admitted: { readonly name: string; readonly permit: Permit }[] = []
  const order: string[] = []
  return {
    order,
    async arrive(worker: number, name: string, tenant = name, signal?: AbortSignal): Promise<void> {
      const limiter = limiters[worker] as Limiter<Call>
      const decided = Promise.resolve(limiter.admit({ name, tenant }, signal ? { signal } : {}))
      decided.then(
        (decision) => {
          order.push(decision.allowed ? name : `${name} refused`)
          if (decision.allowed) admitted.push({ name, permit: decision.permit })
        },
        () => order.push(`${name} left`),
      )
      await settled()
    },
    async serve(requests: number): Promise<void> {
      for (let served = 0; served < requests; served++) {
        await admitted.shift()?.permit.release()
        await settled()
      }
    },
  }
}

describe('the requests of several workers', () => {
  it('wait in one line, in the order of their arrival', async () => {
    const { limiters, lines } = primaryWith(3, ONE_SLOT)
    const { arrive, serve, order } = visitors(limiters)
    const names = Array.from({ length: 24 }, (_, index) => `request ${index}`)
    for (const [index, name] of names.entries()) await arrive((index * 7) % 3, name)
    expect(order).toEqual(['request 0'])
    await serve(names.length)
    expect(order).toEqual(names)
    expect(lines.areIdle).toBe(true)
  })

  it('share fairly, whichever worker a tenant uses', async () => {
    const { limiters } = primaryWith(2, { ...ONE_SLOT, fair: ({ tenant }) => tenant })
    const { arrive, serve, order } = visitors(limiters)
    await arrive(0, 'first', 'none')
    for (let index = 0; index < 12; index++) await arrive(0, `flood ${index}`, 'flood')
    for (let index = 0; index < 3; index++) await arrive(1, `quiet ${index}`, 'quiet')
    await serve(16)
    expect(order.slice(0, 8)).toEqual([
      'first',
      'flood 0',
      'quiet 0',
      'flood 1',
      'quiet 1',
      'flood 2',
      'quiet 2',
      'flood 3',
    ])
    expect(order).toHaveLength(16)
  })

  it('leave when their client disconnects, and are refunded if they were admitted meanwhile', async () => {
    const { limiters, lines } = primaryWith(2, ONE_SLOT)
    const { arrive, serve, order } = visitors(limiters)
    await arrive(0, 'first')
    const clients = Array.from({ length: 20 }, () => new AbortController())
    for (const [index, client] of clients.entries())
      await arrive(index % 2, `gone ${index}`, 'x', client.signal)
    await arrive(1, 'last')
    for (const client of clients.slice(1)) client.abort()
    // The first one in the line disconnects while its worker decides.
    const served = serve(1)
    clients[0]?.abort()
    await served
    await settled()
    expect(order.filter((name) => name.endsWith('left'))).toHaveLength(20)
    expect(order.filter((name) => !name.endsWith('left'))).toEqual(['first', 'last'])
    await serve(1)
    expect(lines.areIdle).toBe(true)
    await arrive(0, 'next')
    expect(order.at(-1)).toBe('next')
  })

  it('go on when the worker of others exits, which then has no service to come', async () => {
    const { limiters, lines, exit } = primaryWith(2, { ...ONE_SLOT, fair: ({ tenant }) => tenant })
    const { arrive, serve, order } = visitors(limiters)
    await arrive(1, 'first', 'a')
    for (let index = 0; index < 5; index++) await arrive(0, `lost ${index}`, 'b')
    for (let index = 0; index < 5; index++) await arrive(1, `kept ${index}`, 'c')
    exit(0)
    await serve(6)
    expect(order).toEqual(['first', 'kept 0', 'kept 1', 'kept 2', 'kept 3', 'kept 4'])
    expect(lines.areIdle).toBe(true)
  })

  it('get the error of their own limiter', async () => {
    let hasFailed = false
    const failing: Rule<Call> = {
      ...ONE_SLOT,
      concurrent: () => {
        if (hasFailed) throw new Error('the limit cannot be computed')
        return 1
      },
    }
    const { limiters } = primaryWith(1, failing)
    const [limiter] = limiters as [Limiter<Call>]
    const permit = permitOf(await limiter.admit({ name: 'a', tenant: 'a' }))
    const waiting = Promise.resolve(limiter.admit({ name: 'b', tenant: 'b' }))
    const outcome = expect(waiting).rejects.toThrow('the limit cannot be computed')
    await settled()
    hasFailed = true
    await permit.release()
    await outcome
  })

  it('go on when a worker does not decide, whose late decision is then refunded', async () => {
    const timers = manualTimers()
    const pending: (() => void)[] = []
    const slow: Rule<Call> = {
      ...ONE_SLOT,
      concurrent: ({ name }) =>
        name === 'hung' && isHung ? new Promise((done) => void pending.push(() => done(1))) : 1,
    }
    let isHung = false
    const { limiters, lines } = primaryWith(2, slow, timers)
    const { arrive, serve, order } = visitors(limiters)
    await arrive(1, 'first')
    await arrive(0, 'hung')
    await arrive(1, 'second')
    isHung = true
    await serve(1)
    expect(order).toEqual(['first'])
    timers.advance(2_000)
    await settled()
    expect(order).toEqual(['first', 'second'])
    await serve(1)
    isHung = false
    for (const decide of pending) decide()
    await settled()
    await arrive(1, 'third')
    expect(order.at(-1)).toBe('third')
    expect(lines.areIdle).toBe(true)
  })

  it('are refused at once when the line is full', async () => {
    const { limiters } = primaryWith(2, { ...ONE_SLOT, queue: 2 })
    const { arrive, order } = visitors(limiters)
    for (let index = 0; index < 3; index++) await arrive(index % 2, `request ${index}`)
    await arrive(0, 'one too many')
    expect(order).toEqual(['request 0', 'one too many refused'])
  })
})
