import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { type Attempt, lineId, type Pool, type WaitingRequest } from '../../src/waiting/lines.js'
import { LocalLines } from '../../src/waiting/local-lines.js'
import { manualTimers } from '../limiter/manual-timers.js'

const POOL: Pool = {
  ...{ id: lineId('rule', 'key'), scope: 'rule' },
  ...{
    timeoutMs: 10_000,
    maxQueued: 100,
    isPerClient: false,
    share: undefined,
    window: undefined,
    rank: undefined,
    deadline: undefined,
  },
}

/** A request of the test, which waits for one pool. */
type Options = Partial<WaitingRequest<string>> & { readonly timeoutMs?: number }

/** Creates a resource with a number of free slots, and the line of requests that wait for it. */
function lineFor(free: number, retryInMs = 1_000, maxQueued = POOL.maxQueued) {
  const timers = manualTimers()
  const lines = new LocalLines(timers)
  const state = { free, attempts: [] as string[], disposed: [] as string[] }
  const enter = (name: string, { timeoutMs = POOL.timeoutMs, ...options }: Options = {}) => {
    const pool = { ...POOL, timeoutMs, maxQueued }
    const request: WaitingRequest<string> = {
      ...{
        pools: [pool],
        ticket: lines.newTicket(),
        waiter: undefined,
        signal: undefined,
        checkEarly: undefined,
      },
      attempt(): Attempt<string> {
        state.attempts.push(name)
        if (state.free === 0) return { retryInMs, poolId: pool.id }
        state.free--
        return { result: name }
      },
      onLateResult(got) {
        state.disposed.push(got)
        state.free++
      },
      ...options,
    }
    const outcome = Promise.resolve(lines.enter(request, pool.id, 0))
    return outcome.then((each) => ('result' in each ? each.result : each.reason))
  }
  const wake = () => lines.onFreed('rule', 'key')
  return { timers, lines, state, enter, wake }
}

const nextTurn = () => new Promise((done) => setImmediate(done))

describe('a line', () => {
  it('serves waiters in the order of their arrival', async () => {
    const { lines, state, enter, wake } = lineFor(0)
    const served: string[] = []
    for (const name of ['a', 'b', 'c']) enter(name).then((got) => served.push(String(got)))
    await nextTurn()
    expect(served).toEqual([])
    expect(lines.areIdle).toBe(false)
    state.free = 2
    wake()
    await nextTurn()
    expect(served).toEqual(['a', 'b'])
    state.free = 1
    wake()
    await nextTurn()
    expect(served).toEqual(['a', 'b', 'c'])
    expect(lines.areIdle).toBe(true)
  })

  it('makes attempts only for the first waiter when it is woken repeatedly', async () => {
    const { state, enter, wake } = lineFor(0)
    for (const name of ['a', 'b']) enter(name)
    await nextTurn()
    wake()
    wake()
    await nextTurn()
    expect(new Set(state.attempts)).toEqual(new Set(['a']))
  })

  it('retries after the delay that an attempt returned', async () => {
    const { timers, lines, state, enter } = lineFor(0, 500)
    const joined = enter('a')
    await nextTurn()
    state.free = 1
    timers.advance(499)
    await nextTurn()
    expect(lines.areIdle).toBe(false)
    timers.advance(1)
    expect(await joined).toBe('a')
    expect(timers.running).toBe(0)
  })

  it('removes a waiter that timed out, and serves the next one', async () => {
    const { timers, state, enter, wake } = lineFor(0, 60_000)
    const timedOut = enter('a', { timeoutMs: 100 })
    const next = enter('b')
    await nextTurn()
    timers.advance(100)
    expect(await timedOut).toBe('timeout')
    state.free = 1
    wake()
    expect(await next).toBe('b')
    expect(timers.running).toBe(0)
  })

  it('removes a waiter when its signal is aborted, and rejects a waiter that joins with an aborted signal', async () => {
    const { timers, state, enter, wake } = lineFor(0, 60_000)
    const caller = new AbortController()
    const gone = enter('a', { signal: caller.signal })
    const next = enter('b')
    await nextTurn()
    caller.abort(new Error('hung up'))
    await expect(gone).rejects.toThrow('hung up')
    await expect(enter('c', { signal: caller.signal })).rejects.toThrow('hung up')
    state.free = 1
    wake()
    expect(await next).toBe('b')
    expect(timers.running).toBe(0)
  })

  it('disposes of the result of a waiter that has left, and serves the next one', async () => {
    const { state, enter } = lineFor(1)
    const caller = new AbortController()
    let finishAttempt: (attempt: Attempt<string>) => void = () => {}
    const gone = enter('a', {
      signal: caller.signal,
      attempt: () => new Promise((resolve) => (finishAttempt = resolve)),
    })
    const next = enter('b')
    state.free = 0
    caller.abort(new Error('hung up'))
    await expect(gone).rejects.toThrow('hung up')
    finishAttempt({ result: 'a' })
    expect(await next).toBe('b')
    expect(state.disposed).toEqual(['a'])
  })

  it('rejects only the waiter whose attempt fails, and continues with the next one', async () => {
    const { enter } = lineFor(1)
    const failing = enter('a', {
      attempt() {
        throw new Error('the store is unreachable')
      },
    })
    const next = enter('b')
    await expect(failing).rejects.toThrow('unreachable')
    expect(await next).toBe('b')
  })
})

describe('a line that a request leaves during its attempt', () => {
  it.each([
    ['returns a result', (resolve: (attempt: Attempt<string>) => void) => resolve({ result: 'late' })],
    ['fails', (_resolve: unknown, reject: (error: Error) => void) => reject(new Error('late'))],
  ])("still counts the client's other requests after the attempt %s", async (outcome, finish) => {
    const { state, enter } = lineFor(0, 1_000, 4)
    const leaving = new AbortController()
    let resolveAttempt: (attempt: Attempt<string>) => void = () => {}
    let rejectAttempt: (error: Error) => void = () => {}
    const pending = () =>
      new Promise<Attempt<string>>((resolve, reject) => {
        resolveAttempt = resolve
        rejectAttempt = reject
      })
    const left = enter('first', { waiter: 'a', signal: leaving.signal, attempt: pending })
    enter('second', { waiter: 'a', attempt: () => ({ retryInMs: 1000, poolId: POOL.id }) })
    expect(await enter('third', { waiter: 'a' })).toBe('full')
    leaving.abort(new Error('disconnected'))
    await expect(left).rejects.toThrow('disconnected')
    finish(resolveAttempt, rejectAttempt)
    await nextTurn()
    enter('third', { waiter: 'a' })
    expect(await enter('fourth', { waiter: 'a' })).toBe('full')
    expect(state.disposed).toEqual(outcome === 'fails' ? [] : ['late'])
  })

  it('adds one listener to a signal that many waiters share, and removes it with the last of them', async () => {
    const { timers, lines, enter } = lineFor(0)
    const controller = new AbortController()
    const { signal } = controller
    const left: string[] = []
    for (let number = 0; number < 20; number++)
      enter(`${number}`, { signal }).catch((reason) => left.push(reason))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    controller.abort('gone')
    await nextTurn()
    expect(left).toEqual(Array(20).fill('gone'))
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect([lines.areIdle, timers.running]).toEqual([true, 0])
  })

  it('keeps the listener of a signal while another waiter uses it', async () => {
    const { timers, enter } = lineFor(0)
    const controller = new AbortController()
    const { signal } = controller
    const first = enter('a', { signal, timeoutMs: 5 })
    const second = enter('b', { signal })
    timers.advance(5)
    expect(await first).toBe('timeout')
    controller.abort('gone')
    await expect(second).rejects.toBe('gone')
  })
})
