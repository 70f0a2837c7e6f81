import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createWarmUp, type WarmUp, type WarmUpChange } from '../../src/rules/warm-up.js'
import { manualClock } from '../../src/time/clock.js'

const MINUTE = 60_000

/** A model that is asked, and what it says. */
function asked(ready: () => unknown, onChange: (change: WarmUpChange) => unknown = () => {}): WarmUp {
  const warmUp = createWarmUp({
    from: 0.2,
    over: MINUTE,
    ready: ready as () => boolean,
    onChange,
    clock: { now: () => Date.now() },
  })
  onTestFinished(() => warmUp.stop())
  return warmUp
}

describe('a warm-up that asks a function', () => {
  afterEach(() => vi.useRealTimers())

  it('is warm at once where the model is ready when it is first asked', async () => {
    vi.useFakeTimers()
    const changes: WarmUpChange[] = []
    const warmUp = asked(
      () => true,
      (change) => changes.push(change),
    )
    await vi.advanceTimersByTimeAsync(0)
    expect(warmUp).toMatchObject({ isReady: true, scale: 1 })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(changes).toEqual([{ isReady: true, scale: 1 }])
  })

  it('is not warm where the first answer was no, or the first question failed', async () => {
    vi.useFakeTimers()
    let answers: unknown[] = [Promise.reject(new Error('connection refused'))]
    const warmUp = asked(() => answers.shift() ?? true)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(warmUp.isReady).toBe(true)
    expect(warmUp.scale).toBeLessThan(0.3)
    answers = []
  })

  it('stays warm while questions are not answered in time, for however long', async () => {
    vi.useFakeTimers()
    let isBusy = false
    const changes: WarmUpChange[] = []
    const warmUp = asked(
      () => (isBusy ? new Promise(() => {}) : true),
      (change) => changes.push(change),
    )
    await vi.advanceTimersByTimeAsync(1_000)
    isBusy = true
    await vi.advanceTimersByTimeAsync(60_000)
    isBusy = false
    await vi.advanceTimersByTimeAsync(5_000)
    expect(warmUp.scale).toBe(1)
    expect(changes).toHaveLength(1)
  })

  it('falls back after three failures in a row and not after fewer, and tells each change once', async () => {
    vi.useFakeTimers()
    let isLoaded = true
    const changes: boolean[] = []
    const warmUp = asked(
      () => isLoaded,
      ({ isReady }) => {
        changes.push(isReady)
        throw new Error('a listener that throws')
      },
    )
    await vi.advanceTimersByTimeAsync(0)
    for (let time = 0; time < 3; time++) {
      isLoaded = false
      await vi.advanceTimersByTimeAsync(2_000)
      isLoaded = true
      await vi.advanceTimersByTimeAsync(1_000)
    }
    expect(warmUp.scale).toBe(1)
    isLoaded = false
    await vi.advanceTimersByTimeAsync(10_000)
    expect(warmUp.scale).toBe(0.2)
    isLoaded = true
    await vi.advanceTimersByTimeAsync(1_000)
    warmUp.ready()
    expect(changes).toEqual([true, false, true])
  })

  it('begins when it says yes, and anew after it said no', async () => {
    vi.useFakeTimers()
    let isLoaded = false
    const warmUp = asked(() => isLoaded)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(warmUp).toMatchObject({ isReady: false, scale: 0.2 })
    isLoaded = true
    await vi.advanceTimersByTimeAsync(1_000)
    expect(warmUp).toMatchObject({ isReady: true, scale: 0.2 })
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(warmUp.scale).toBe(1)
    isLoaded = false
    await vi.advanceTimersByTimeAsync(2_000)
    expect(warmUp).toMatchObject({ isReady: true, scale: 1 })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(warmUp).toMatchObject({ isReady: false, scale: 0.2 })
    isLoaded = true
    await vi.advanceTimersByTimeAsync(1_000 + MINUTE / 2)
    expect(warmUp.scale).toBeCloseTo(0.6, 1)
  })

  it.each([
    ['throws', () => Promise.reject(new Error('no model'))],
    ['says no clear yes', () => 'yes'],
  ])('takes a model for not ready where it %s, and goes on asking', async (_, ready) => {
    let asking: () => unknown = () => true
    let times = 0
    const warmUp = asked(() => {
      times++
      return asking()
    })
    await expect.poll(() => warmUp.isReady, { timeout: 30_000 }).toBe(true)
    asking = ready
    await expect.poll(() => warmUp.isReady, { timeout: 30_000 }).toBe(false)
    asking = () => true
    await expect.poll(() => warmUp.isReady, { timeout: 30_000 }).toBe(true)
    warmUp.stop()
    expect(times).toBeGreaterThanOrEqual(3)
  })

  it('tells it when nobody waits any more, and asks no more once it is stopped', async () => {
    let told: AbortSignal | undefined
    let times = 0
    const warmUp = createWarmUp({
      from: 0.2,
      over: MINUTE,
      ready: (signal) => {
        told = signal
        times++
        return new Promise(() => {})
      },
    })
    expect(told?.aborted).toBe(false)
    warmUp.stop()
    expect(told?.aborted).toBe(true)
    await new Promise(setImmediate)
    expect(warmUp.isReady).toBe(false)
    expect(times).toBe(1)
  })
})

it('a warm-up that asks a URL begins when that answers 2xx', async () => {
  let status = 503
  const server = createServer((_request, response) =>
    response.writeHead(status, { location: '/elsewhere' }).end('ready'),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const warmUp = createWarmUp({
    from: 0.5,
    over: MINUTE,
    ready: `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`,
  })
  onTestFinished(() => warmUp.stop())
  expect(warmUp.isReady).toBe(false)
  status = 204
  await expect.poll(() => warmUp.isReady, { timeout: 30_000 }).toBe(true)
  status = 302
  await expect.poll(() => warmUp.isReady, { timeout: 30_000 }).toBe(false)
})

it('what cannot be asked is told', () => {
  for (const ready of ['healthz', 'ftp://127.0.0.1/', 7 as never, 'http://me:secret@127.0.0.1/'])
    expect(() => createWarmUp({ from: 0.5, over: 1, ready })).toThrow("'ready'")
  expect(() => createWarmUp({ from: 0.5, over: 1, redy: true } as never)).toThrow("no option 'redy'")
})

describe('the time until a scale', () => {
  it('is none for what is reached, and passes', () => {
    const clock = manualClock()
    const warmUp = createWarmUp({ from: 0.2, over: 1_000, clock })
    expect([0.1, 0.2, 0.6, 1].map((scale) => warmUp.until(scale))).toEqual([0, 0, expect.closeTo(500), 1_000])
    warmUp.ready()
    clock.advance(600)
    expect([0.2, 0.6, 1].map((scale) => warmUp.until(scale))).toEqual([0, 0, 400])
    clock.advance(1_000)
    expect(warmUp.until(1)).toBe(0)
  })

  it('is that of the step which reaches it', () => {
    const warmUp = createWarmUp({ from: 0.5, over: 1_000, steps: 2, clock: manualClock() })
    expect([0.51, 0.75, 0.76, 1].map((scale) => warmUp.until(scale))).toEqual([500, 500, 1_000, 1_000])
  })
})
