import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BeginTimes } from '../../src/overload/begin-times.js'
import { PendingDocuments } from '../../src/overload/pending-documents.js'
import { UnqueuedTimes } from '../../src/overload/unqueued-time.js'

/** Times that a `Float32Array` holds exactly. */
const time = fc.integer({ min: 0, max: 4_000_000 }).map((quarters) => quarters / 4)

describe('the unqueued time', () => {
  it('is the least of the last 15 low values of a size, each the second least of 20 times', () => {
    fc.assert(
      fc.property(fc.array(time, { minLength: 20, maxLength: 700 }), (times) => {
        const learned = new UnqueuedTimes()
        for (const each of times) learned.add(100, each)
        expect(learned.of(100)).toBe(slowUnqueuedTime(times))
      }),
      { seed: 3, numRuns: 60 },
    )
  })

  it('is the least time before 20 are known', () => {
    const learned = new UnqueuedTimes()
    expect(learned.of(100)).toBe(0)
    for (const each of [90, 70, 80]) learned.add(100, each)
    expect(learned.of(100)).toBe(70)
  })

  it('finds the requests that met an empty server among many that were queued', () => {
    const learned = new UnqueuedTimes()
    for (let count = 0; count < 300; count++) learned.add(100, count % 60 < 3 ? 50 : 5_000)
    expect(learned.of(100)).toBe(50)
  })

  it('follows a server that became slower within 300 requests of a size', () => {
    const learned = new UnqueuedTimes()
    for (let count = 0; count < 600; count++) learned.add(100, 50)
    for (let count = 0; count < 300; count++) learned.add(100, 150)
    expect(learned.of(100)).toBe(150)
  })

  it('keeps half octaves apart, and scales that of the nearest size', () => {
    const learned = new UnqueuedTimes()
    for (let count = 0; count < 20; count++) learned.add(1_024, 100)
    for (let count = 0; count < 20; count++) learned.add(2_048, 300)
    expect(learned.of(1_030)).toBe(100)
    expect(learned.of(2_050)).toBe(300)
    // 2^10.25 tokens are the middle of the first size.
    expect(learned.of(512)).toBeCloseTo((100 * 512) / 2 ** 10.25, 5)
    expect(learned.of(0)).toBeLessThan(1)
  })

  it('is finite and not negative, whatever the sizes', () => {
    const size = fc.oneof(fc.nat(4_000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }))
    fc.assert(
      fc.property(fc.array(fc.tuple(size, time)), size, (requests, asked) => {
        const learned = new UnqueuedTimes()
        for (const [input, each] of requests) learned.add(input, each)
        expect(learned.of(asked)).toBeGreaterThanOrEqual(0)
        expect(learned.of(asked)).toBeLessThan(Number.POSITIVE_INFINITY)
      }),
      { seed: 5 },
    )
  })
})

describe('the predicted beginning', () => {
  it('is the 90th percentile of the last 64 times of a size', () => {
    fc.assert(
      fc.property(fc.array(time, { minLength: 1, maxLength: 200 }), (times) => {
        const begins = new BeginTimes()
        for (const each of times) {
          begins.add(1_000, each)
          begins.predict(1_000)
        }
        const last = times.slice(-64).sort((a, b) => a - b)
        expect(begins.predict(1_000)).toBe(last[Math.min(last.length - 1, Math.floor(0.9 * last.length))])
      }),
      { seed: 6 },
    )
  })

  it('is unknown for a size that was not seen', () => {
    const begins = new BeginTimes()
    begins.add(1_000, 50)
    expect(begins.predict(1_020)).toBe(50)
    expect(begins.predict(10)).toBeUndefined()
  })
})

describe('pending documents', () => {
  it('begin in the order of their times, unless they were removed', () => {
    const documents = fc.array(fc.record({ beginsAt: fc.nat(50), isRemoved: fc.boolean() }))
    fc.assert(
      fc.property(documents, fc.nat(60), (added, now) => {
        const pending = new PendingDocuments<(typeof added)[number]>()
        for (const document of added) pending.add(document)
        for (const document of added) if (document.isRemoved) pending.remove(document)
        const left = added.filter(({ isRemoved }) => !isRemoved).map(({ beginsAt }) => beginsAt)
        left.sort((a, b) => a - b)
        expect(pending.nextAt).toBe(left[0])
        const taken: number[] = []
        for (let due = pending.takeDue(now); due !== undefined; due = pending.takeDue(now))
          taken.push(due.beginsAt)
        expect(taken).toEqual(left.filter((beginsAt) => beginsAt <= now))
      }),
      { seed: 8 },
    )
  })
})

/** The same from all times, at the end. */
function slowUnqueuedTime(times: readonly number[]): number {
  const lows: number[] = []
  for (let first = 0; first + 20 <= times.length; first += 20)
    lows.push(times.slice(first, first + 20).sort((a, b) => a - b)[1] as number)
  return Math.min(...lows.slice(-15))
}
