import { describe, expect, it } from 'vitest'
import { createWarmUp } from '../../src/rules/warm-up.js'
import { manualClock } from '../../src/time/clock.js'

describe('a warm-up', () => {
  it('grows to the full limit once the model is ready', () => {
    const clock = manualClock()
    const warmUp = createWarmUp({ from: 0.2, over: '60s', clock })
    clock.advance(1_000_000)
    expect(warmUp).toMatchObject({ scale: 0.2, isReady: false })
    warmUp.ready()
    expect(warmUp).toMatchObject({ scale: 0.2, isReady: true })
    clock.advance(30_000)
    expect(warmUp.scale).toBeCloseTo(0.6)
    warmUp.ready()
    expect(warmUp.scale).toBeCloseTo(0.6)
    clock.advance(30_000)
    expect(warmUp.scale).toBe(1)
    clock.advance(1_000_000)
    expect(warmUp.scale).toBe(1)
  })

  it('returns the same scale when it is read repeatedly', () => {
    const clock = manualClock()
    const warmUp = createWarmUp({ from: 0.2, over: 1_000, ready: true, clock })
    clock.advance(500)
    const scales = Array.from({ length: 1_000 }, () => warmUp.scale)
    expect(new Set(scales).size).toBe(1)
  })

  it('grows in steps', () => {
    const clock = manualClock()
    const warmUp = createWarmUp({ from: 0.5, over: 1_000, steps: 2, ready: true, clock })
    const scales = [0, 499, 1, 499, 1].map((passed) => {
      clock.advance(passed)
      return warmUp.scale
    })
    expect(scales).toEqual([0.5, 0.5, 0.75, 0.75, 1])
  })

  it('restarts after the model has been unready', () => {
    const clock = manualClock()
    const warmUp = createWarmUp({ from: 0.2, over: 1_000, ready: true, clock })
    clock.advance(1_000)
    warmUp.unready()
    expect(warmUp).toMatchObject({ scale: 0.2, isReady: false })
    clock.advance(1_000)
    warmUp.ready()
    expect(warmUp.scale).toBe(0.2)
  })

  it('never falls below its initial scale if the clock is set back', () => {
    const clock = manualClock(1_000)
    const warmUp = createWarmUp({ from: 0.2, over: 1_000, ready: true, clock })
    clock.set(0)
    expect(warmUp.scale).toBe(0.2)
  })

  it.each([
    [{ from: 0, over: 1 }, "'from'"],
    [{ from: 1.1, over: 1 }, "'from'"],
    [{ from: Number.NaN, over: 1 }, "'from'"],
    [{ from: 0.5, over: 'soon' }, 'soon'],
    [{ from: 0.5, over: 1, steps: 0 }, "'steps'"],
    [{ from: 0.5, over: 1, steps: 1.5 }, "'steps'"],
  ])('rejects the warm-up options %j', (options, message) => {
    expect(() => createWarmUp(options)).toThrow(message)
  })
})
