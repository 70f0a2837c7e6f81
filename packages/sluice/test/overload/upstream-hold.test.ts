import { describe, expect, it } from 'vitest'
import { UpstreamHold } from '../../src/overload/upstream-hold.js'

describe('a hold', () => {
  it('lasts as long as the upstream says, but at most 30 s', () => {
    expect(heldFor('overloaded', 4_000)).toBe(4_000)
    expect(heldFor('overloaded', 0)).toBe(0)
    expect(heldFor('overloaded', 86_400_000)).toBe(30_000)
  })

  it('lasts 1 s where the upstream says nothing, doubling up to 30 s while no response begins', () => {
    const hold = new UpstreamHold()
    let now = 0
    const holds: number[] = []
    for (let count = 0; count < 7; count++) {
      expect(hold.onRejection('overloaded', now, 0, undefined)).toBe(true)
      holds.push(hold.until - now)
      now = hold.until
    }
    expect(holds).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  })

  it('is that of an upstream that says nothing where it says no possible time', () => {
    expect(heldFor('overloaded', Number.NaN)).toBe(1_000)
    expect(heldFor('overloaded', -1)).toBe(1_000)
    expect(heldFor('overloaded', Number.POSITIVE_INFINITY)).toBe(30_000)
  })

  it('is 1 s again after a response has begun that was sent after the last one', () => {
    const hold = new UpstreamHold()
    for (const now of [0, 1_000, 3_000]) hold.onRejection('overloaded', now, 0, undefined)
    expect(hold.until).toBe(7_000)
    hold.onBegun(7_000)
    hold.onRejection('overloaded', 8_000, 0, undefined)
    expect(hold.until).toBe(9_000)
  })

  it('is followed by a test until a response begins that was sent after it', () => {
    const hold = new UpstreamHold()
    expect(hold.isTesting).toBe(false)
    hold.onRejection('overloaded', 500, 0, undefined)
    expect(hold.isTesting).toBe(true)
    hold.onBegun(1_499)
    expect(hold.isTesting).toBe(true)
    hold.onBegun(1_500)
    expect(hold.isTesting).toBe(false)
  })

  it('takes the rejections of requests that were sent together as one signal', () => {
    const hold = new UpstreamHold()
    const signals = [0, 10, 999, 1_000, 1_500].map((now) => hold.onRejection('overloaded', now, 0, undefined))
    expect(signals).toEqual([true, false, false, true, false])
    expect(hold.until).toBe(3_000)
    const slow = new UpstreamHold()
    expect([0, 3_999, 4_000].map((now) => slow.onRejection('overloaded', now, 4_000, undefined))).toEqual([
      true,
      false,
      true,
    ])
  })

  it('never becomes shorter by a later rejection', () => {
    const hold = new UpstreamHold()
    hold.onRejection('overloaded', 0, 0, 10_000)
    hold.onRejection('overloaded', 2_000, 0, 1_000)
    hold.onRejection('overloaded', 4_000, 0, undefined)
    expect(hold.until).toBe(10_000)
  })

  it('begins with server errors only once half of the last 20 responses are errors', () => {
    const hold = new UpstreamHold()
    for (let count = 0; count < 20; count++) hold.onBegun(0)
    const signals = Array.from({ length: 10 }, () => hold.onRejection('error', 5_000, 0, undefined))
    expect(signals).toEqual([...Array.from({ length: 9 }, () => false), true])
  })

  it('forgets server errors after 20 responses', () => {
    const hold = new UpstreamHold()
    for (let count = 0; count < 9; count++) hold.onRejection('error', 0, 0, undefined)
    for (let count = 0; count < 20; count++) hold.onBegun(0)
    expect(hold.onRejection('error', 5_000, 0, undefined)).toBe(false)
  })
})

function heldFor(kind: 'overloaded' | 'error', retryAfterMs: number): number {
  const hold = new UpstreamHold()
  hold.onRejection(kind, 100, 0, retryAfterMs)
  return hold.until - 100
}
