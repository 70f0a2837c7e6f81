import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { type Attempt, type Waiter, WaitQueue } from '../../src/limiter/wait-queue.js'
import { manualTimers } from './manual-timers.js'

/** Creates a resource with a number of free slots, and its wait queue. */
function queueFor(free: number, retryInMs = 1_000) {
  const timers = manualTimers()
  const queue = new WaitQueue<string>(timers)
  const state = { free, attempts: [] as string[], disposed: [] as string[] }
  const waiter = (name: string, options: Partial<Waiter<string>> = {}): Waiter<string> => ({
    timeoutMs: 10_000,
    attempt(): Attempt<string> {
      state.attempts.push(name)
      if (state.free === 0) return { retryInMs }
      state.free--
      return { result: name }
    },
    onLateResult(got) {
      state.disposed.push(got)
      state.free++
    },
    ...options,
  })
  return { timers, queue, state, waiter }
}

const nextTurn = () => new Promise((done) => setImmediate(done))

describe('a wait queue', () => {
  it('serves waiters in the order of their arrival', async () => {
    const { queue, state, waiter } = queueFor(0)
    const served: string[] = []
    for (const name of ['a', 'b', 'c']) queue.join(waiter(name)).then((got) => served.push(String(got)))
    await nextTurn()
    expect(served).toEqual([])
    expect(queue.length).toBe(3)
    state.free = 2
    queue.wake()
    await nextTurn()
    expect(served).toEqual(['a', 'b'])
    state.free = 1
    queue.wake()
    await nextTurn()
    expect(served).toEqual(['a', 'b', 'c'])
    expect(queue.length).toBe(0)
  })

  it('makes attempts only for the first waiter when it is woken repeatedly', async () => {
    const { queue, state, waiter } = queueFor(0)
    for (const name of ['a', 'b']) queue.join(waiter(name))
    await nextTurn()
    queue.wake()
    queue.wake()
    await nextTurn()
    expect(new Set(state.attempts)).toEqual(new Set(['a']))
  })

  it('retries after the delay that an attempt returned', async () => {
    const { timers, queue, state, waiter } = queueFor(0, 500)
    const joined = queue.join(waiter('a'))
    await nextTurn()
    state.free = 1
    timers.advance(499)
    await nextTurn()
    expect(queue.length).toBe(1)
    timers.advance(1)
    expect(await joined).toBe('a')
    expect(timers.running).toBe(0)
  })

  it('removes a waiter that timed out, and serves the next one', async () => {
    const { timers, queue, state, waiter } = queueFor(0, 60_000)
    const timedOut = queue.join(waiter('a', { timeoutMs: 100 }))
    const next = queue.join(waiter('b'))
    await nextTurn()
    timers.advance(100)
    expect(await timedOut).toBeUndefined()
    state.free = 1
    queue.wake()
    expect(await next).toBe('b')
    expect(timers.running).toBe(0)
  })

  it('removes a waiter when its signal is aborted, and rejects a waiter that joins with an aborted signal', async () => {
    const { timers, queue, state, waiter } = queueFor(0, 60_000)
    const caller = new AbortController()
    const gone = queue.join(waiter('a', { signal: caller.signal }))
    const next = queue.join(waiter('b'))
    await nextTurn()
    caller.abort(new Error('hung up'))
    await expect(gone).rejects.toThrow('hung up')
    await expect(queue.join(waiter('c', { signal: caller.signal }))).rejects.toThrow('hung up')
    state.free = 1
    queue.wake()
    expect(await next).toBe('b')
    expect(timers.running).toBe(0)
  })

  it('disposes of the result of a waiter that has left, and serves the next one', async () => {
    const { queue, state, waiter } = queueFor(1)
    const caller = new AbortController()
    let finishAttempt: (attempt: Attempt<string>) => void = () => {}
    const slow = waiter('a', {
      signal: caller.signal,
      attempt: () => new Promise((resolve) => (finishAttempt = resolve)),
    })
    const gone = queue.join(slow)
    const next = queue.join(waiter('b'))
    state.free = 0
    caller.abort(new Error('hung up'))
    await expect(gone).rejects.toThrow('hung up')
    finishAttempt({ result: 'a' })
    expect(await next).toBe('b')
    expect(state.disposed).toEqual(['a'])
  })

  it('rejects only the waiter whose attempt fails, and continues with the next one', async () => {
    const { queue, waiter } = queueFor(1)
    const failing = queue.join(
      waiter('a', {
        attempt() {
          throw new Error('the store is unreachable')
        },
      }),
    )
    const next = queue.join(waiter('b'))
    await expect(failing).rejects.toThrow('unreachable')
    expect(await next).toBe('b')
  })
})

describe('a wait queue that a request leaves during its attempt', () => {
  it.each([
    ['returns a result', (resolve: (attempt: Attempt<string>) => void) => resolve({ result: 'late' })],
    ['fails', (_resolve: unknown, reject: (error: Error) => void) => reject(new Error('late'))],
  ])("still counts the client's other requests after the attempt %s", async (outcome, finish) => {
    const { queue, state, waiter } = queueFor(0)
    const leaving = new AbortController()
    let resolveAttempt: (attempt: Attempt<string>) => void = () => {}
    let rejectAttempt: (error: Error) => void = () => {}
    const pending = () =>
      new Promise<Attempt<string>>((resolve, reject) => {
        resolveAttempt = resolve
        rejectAttempt = reject
      })
    const left = queue.join(waiter('first', { client: 'a', signal: leaving.signal, attempt: pending }))
    queue.join(waiter('second', { client: 'a', attempt: () => ({ retryInMs: 1000 }) }))
    expect(queue.countOf('a')).toBe(2)
    leaving.abort(new Error('disconnected'))
    await expect(left).rejects.toThrow('disconnected')
    finish(resolveAttempt, rejectAttempt)
    await nextTurn()
    expect(queue.countOf('a')).toBe(1)
    expect(state.disposed).toEqual(outcome === 'fails' ? [] : ['late'])
  })

  it('adds one listener to a signal that many waiters share, and removes it with the last of them', async () => {
    const { timers, queue, waiter } = queueFor(0)
    const controller = new AbortController()
    const { signal } = controller
    const left: string[] = []
    for (let number = 0; number < 20; number++)
      queue.join(waiter(`${number}`, { signal })).catch((reason) => left.push(reason))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    controller.abort('gone')
    await nextTurn()
    expect(left).toEqual(Array(20).fill('gone'))
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect([queue.length, timers.running]).toEqual([0, 0])
  })

  it('keeps the listener of a signal while another waiter uses it', async () => {
    const { timers, queue, waiter } = queueFor(0)
    const controller = new AbortController()
    const { signal } = controller
    const first = queue.join(waiter('a', { signal, timeoutMs: 5 }))
    const second = queue.join(waiter('b', { signal }))
    timers.advance(5)
    expect(await first).toBe(undefined)
    controller.abort('gone')
    await expect(second).rejects.toBe('gone')
  })
})
