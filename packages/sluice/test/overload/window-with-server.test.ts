import { describe, expect, it } from 'vitest'
import { HandOverWindow, type WindowOptions } from '../../src/overload/hand-over-window.js'
import { type Run, type RunOptions, run, type ServerFigures } from './batching-server.js'
import { type TrafficOptions, traffic } from './traffic.js'

const SMALL: ServerFigures = { slots: 48, prefillMs: 50, gapMs: gapOf }
const LARGE: ServerFigures = { ...SMALL, slots: 256 }
const FOUR: ServerFigures = { ...SMALL, replicas: 4 }
/** Requests per second, of which each server can serve about half. */
const OVERLOAD = new Map([
  [SMALL, 20],
  [LARGE, 45],
  [FOUR, 80],
])
const DURATION = 120_000
const SEEDS = [1, 2, 3]

interface Case {
  readonly server: ServerFigures
  readonly seed: number
  readonly traffic?: Partial<TrafficOptions>
  readonly window?: Partial<WindowOptions>
  readonly metricsEveryMs?: number
  /** Default: 30 s. */
  readonly intervalMs?: number
  /** The server of the run with the window, where it differs. */
  readonly guarded?: ServerFigures
}

/** Runs the same requests with a window and without any limit. The first 30 s are the ramp. */
function compare({
  server,
  seed,
  window,
  guarded = server,
  metricsEveryMs,
  intervalMs = 30_000,
  ...options
}: Case) {
  const rate = () => OVERLOAD.get(server) as number
  const requests = traffic({ seed, durationMs: DURATION, rate, ...options.traffic })
  const both = { requests, durationMs: DURATION, intervalMs } satisfies Partial<RunOptions>
  const limit = new HandOverWindow({ max: 1_024, replicas: server.replicas ?? 1, ...window })
  const run1 = run({ ...both, server: guarded, window: limit, ...(metricsEveryMs && { metricsEveryMs }) })
  const unlimited = run({ ...both, server, window: undefined })
  return { run: run1, unlimited, ratio: ratioOf(run1, unlimited), state: limit.state(DURATION) }
}

/** Throughput with the window over throughput without, from an interval on. */
function ratioOf(limited: Run, unlimited: Run, from = 1, to = Number.POSITIVE_INFINITY): number {
  const total = ({ intervals }: Run) =>
    intervals.slice(from, to).reduce((sum, { throughput }) => sum + throughput, 0)
  return total(limited) / total(unlimited)
}

function queueOf({ intervals }: Run): number {
  const settled = intervals.slice(1)
  return settled.reduce((sum, { serverQueue }) => sum + serverQueue, 0) / settled.length
}

describe.each(SEEDS)('the hand-over window before an overloaded server, seed %i', (seed) => {
  it.each([
    ['of 48 slots', SMALL, 2],
    ['of 256 slots', LARGE, 8],
    ['of four replicas', FOUR, 6],
  ])('keeps the throughput of a server %s, and its queue at a few requests', (_name, server, maxQueue) => {
    const { run, unlimited, ratio } = compare({ server, seed })
    expect(queueOf(unlimited)).toBeGreaterThan(200)
    expect(queueOf(run)).toBeLessThan(maxQueue)
    expect(ratio).toBeGreaterThan(0.98)
    expect(ratioOf(run, unlimited, 0, 1)).toBeGreaterThan(0.95)
  })

  it.each([
    ['a first burst', (at: number) => (at < 60_000 ? 11 : 45)],
    ['another burst', (at: number) => (at > 30_000 && at < 60_000 ? 4 : 45)],
  ])('serves %s after quiet traffic as fast as without a limit', (_name, rate) => {
    const { run, unlimited } = compare({ server: LARGE, seed, traffic: { rate }, intervalMs: 15_000 })
    expect(ratioOf(run, unlimited, 4, 5)).toBeGreaterThan(0.95)
  })

  it('lets half a request wait for each replica', () => {
    const told = compare({ server: FOUR, seed })
    const untold = compare({ server: FOUR, seed, window: { replicas: 1 } })
    expect(queueOf(told.run) - queueOf(untold.run)).toBeGreaterThan(1)
    expect(queueOf(told.run) - queueOf(untold.run)).toBeLessThan(3)
  })

  it('recovers from hidden thoughts that the usage reports', () => {
    const { run, unlimited, state } = compare({ server: LARGE, seed, traffic: { hidden: 100 } })
    expect(state.off).toBeUndefined()
    expect(ratioOf(run, unlimited, 1)).toBeGreaterThan(0.95)
  })

  it('is off where no usage reports hidden thoughts, so that throughput stays', () => {
    const { ratio, state } = compare({ server: LARGE, seed, traffic: { hidden: 100, hasUsage: false } })
    expect(state.off).toBe('no usage')
    expect(ratio).toBeGreaterThan(0.97)
  })

  it.each([
    ['hidden work', { hidden: 100, hasUsage: false }, 'no usage'],
    ['documents', { documents: 1 }, 'no streams'],
  ] as const)('keeps the server queue short by its metrics where it is off for %s', (_name, options, off) => {
    const { run, unlimited, ratio, state } = compare({
      server: LARGE,
      seed,
      traffic: options,
      metricsEveryMs: 1_000,
    })
    expect(state.off).toBe(off)
    expect(queueOf(unlimited)).toBeGreaterThan(400)
    expect(queueOf(run)).toBeLessThan(30)
    expect(ratio).toBeGreaterThan(0.9)
  })

  it('counts documents among streams', () => {
    const { run, ratio, state } = compare({ server: LARGE, seed, traffic: { documents: 0.4 } })
    expect(state.off).toBeUndefined()
    expect(ratio).toBeGreaterThan(0.98)
    expect(queueOf(run)).toBeLessThan(15)
  })

  it('is off where all responses are documents', () => {
    const { ratio, state } = compare({ server: SMALL, seed, traffic: { documents: 1 } })
    expect(state.off).toBe('no streams')
    expect(ratio).toBeGreaterThan(0.98)
  })

  it('has almost no request rejected by a server that rejects when 8 wait', () => {
    const { run, ratio } = compare({ server: LARGE, seed, guarded: { ...LARGE, maxQueued: 8 } })
    const begun = run.intervals.reduce((sum, interval) => sum + interval.begun, 0)
    expect(run.rejected / begun).toBeLessThan(0.002)
    expect(ratio).toBeGreaterThan(0.95)
  })

  it('keeps the time per token below its target', () => {
    const { run } = compare({ server: LARGE, seed, window: { gapMs: 22 } })
    const gaps = run.gaps.filter(({ at }) => at > 30_000).map(({ gapMs }) => gapMs)
    gaps.sort((a, b) => a - b)
    expect(gaps[Math.floor(0.99 * gaps.length)]).toBeLessThan(1.1 * 22)
    // Not by idling: half of the responses come within a tenth of the target.
    expect(gaps[gaps.length >> 1]).toBeGreaterThan(0.9 * 22)
  })

  it('delays nothing at half of the load', () => {
    const rate = () => 8
    const { run, unlimited } = compare({ server: SMALL, seed, traffic: { rate } })
    expect(ratioOf(run, unlimited, 0)).toBeGreaterThan(0.999)
  })
})

function gapOf(running: number): number {
  return 16 + 0.05 * running
}
