import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createWarmUp, type WarmUp, type WarmUpChange } from '../../src/rules/warm-up.js'
import { manualClock } from '../../src/time/clock.js'

const MINUTE = 60_000

/** Creates a warm-up that probes `ready`. */
function probing(ready: () => unknown, onChange: (change: WarmUpChange) => unknown = () => {}): WarmUp {
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

describe('a warm-up that probes a function', () => {
  afterEach(() => vi.useRealTimers())

  it('is warm at once if the first probe finds the model ready', async () => {
    vi.useFakeTimers()
    const changes: WarmUpChange[] = []
    const warmUp = probing(
      () => true,
      (change) => changes.push(change),
    )
    await vi.advanceTimersByTimeAsync(0)
    expect(warmUp).toMatchObject({ isReady: true, scale: 1 })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(changes).toEqual([{ isReady: true, scale: 1 }])
  })

  it('starts cold if the first probe fails', async () => {
    vi.useFakeTimers()
    let results: unknown[] = [Promise.reject(new Error('connection refused'))]
    const warmUp = probing(() => results.shift() ?? true)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(warmUp.isReady).toBe(true)
    expect(warmUp.scale).toBeLessThan(0.3)
    results = []
  })

  it('stays warm while probes time out', async () => {
    vi.useFakeTimers()
    let isBusy = false
    const changes: WarmUpChange[] = []
    const warmUp = probing(
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

  it('restarts after three failed probes in a row, and reports each change once', async () => {
    vi.useFakeTimers()
    let isLoaded = true
    const changes: boolean[] = []
    const warmUp = probing(
      () => isLoaded,
      ({ isReady }) => {
        changes.push(isReady)
        throw new Error('a listener that throws')
      },
    )
    await vi.advanceTimersByTimeAsync(0)
    for (let outage = 0; outage < 3; outage++) {
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

  it('starts when the model becomes ready, and restarts after it has been unready', async () => {
    vi.useFakeTimers()
    let isLoaded = false
    const warmUp = probing(() => isLoaded)
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
    ['rejects', () => Promise.reject(new Error('no model'))],
    ['returns a value other than true', () => 'yes'],
  ])('treats a model as unready if its probe %s, and keeps probing', async (_, ready) => {
    let probe: () => unknown = () => true
    let times = 0
    const warmUp = probing(() => {
      times++
      return probe()
    })
    await expect.poll(() => warmUp.isReady, { timeout: 30_000 }).toBe(true)
    probe = ready
    await expect.poll(() => warmUp.isReady, { timeout: 30_000 }).toBe(false)
    probe = () => true
    await expect.poll(() => warmUp.isReady, { timeout: 30_000 }).toBe(true)
    warmUp.stop()
    expect(times).toBeGreaterThanOrEqual(3)
  })

  it('aborts the pending probe and starts no other when it is stopped', async () => {
    let received: AbortSignal | undefined
    let times = 0
    const warmUp = createWarmUp({
      from: 0.2,
      over: MINUTE,
      ready: (signal) => {
        received = signal
        times++
        return new Promise(() => {})
      },
    })
    expect(received?.aborted).toBe(false)
    warmUp.stop()
    expect(received?.aborted).toBe(true)
    await new Promise(setImmediate)
    expect(warmUp.isReady).toBe(false)
    expect(times).toBe(1)
  })
})

it('a warm-up that probes a URL starts when the response has a 2xx status', async () => {
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

it("createWarmUp rejects an invalid 'ready' and an unknown option", () => {
  for (const ready of ['healthz', 'ftp://127.0.0.1/', 7 as never, 'http://me:secret@127.0.0.1/'])
    expect(() => createWarmUp({ from: 0.5, over: 1, ready })).toThrow("'ready'")
  expect(() => createWarmUp({ from: 0.5, over: 1, redy: true } as never)).toThrow("no option 'redy'")
})

describe('the time until a scale', () => {
  it('is 0 for a reached scale and decreases with time', () => {
    const clock = manualClock()
    const warmUp = createWarmUp({ from: 0.2, over: 1_000, clock })
    expect([0.1, 0.2, 0.6, 1].map((scale) => warmUp.until(scale))).toEqual([0, 0, expect.closeTo(500), 1_000])
    warmUp.ready()
    clock.advance(600)
    expect([0.2, 0.6, 1].map((scale) => warmUp.until(scale))).toEqual([0, 0, 400])
    clock.advance(1_000)
    expect(warmUp.until(1)).toBe(0)
  })

  it('is the time until the step that reaches the scale', () => {
    const warmUp = createWarmUp({ from: 0.5, over: 1_000, steps: 2, clock: manualClock() })
    expect([0.51, 0.75, 0.76, 1].map((scale) => warmUp.until(scale))).toEqual([500, 500, 1_000, 1_000])
  })
})
