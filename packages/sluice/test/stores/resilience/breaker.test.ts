import { describe, expect, it } from 'vitest'
import { Breaker, MAX_PROBE } from '../../../src/stores/resilience/breaker.js'
import { manualClock } from '../../../src/time/clock.js'

function breakerWith({ failures = 3, random = () => 0 }: { failures?: number; random?: () => number } = {}) {
  const clock = manualClock(1000)
  const changes: string[] = []
  const breaker = new Breaker({ failures, clock, random, onChange: (state) => changes.push(state) })
  const fail = (hung = false) => breaker.failed(breaker.enter() ?? -1, new Error('lost'), hung)
  return { breaker, clock, changes, fail }
}

describe('a breaker', () => {
  it('opens after so many failures in a row, and a success between them begins the row again', () => {
    const { breaker, fail } = breakerWith()
    fail()
    fail()
    breaker.succeeded(breaker.enter() ?? -1)
    fail()
    fail()
    expect(breaker.state).toBe('closed')
    fail()
    expect(breaker.state).toBe('open')
    expect(breaker.enter()).toBeUndefined()
  })

  it('opens at the first hang', () => {
    const { breaker, fail } = breakerWith()
    fail(true)
    expect(breaker.state).toBe('open')
    expect(breaker.cause).toEqual(new Error('lost'))
  })

  it('lets one probe through, and everybody once it is answered', () => {
    const { breaker, clock, fail } = breakerWith()
    fail(true)
    clock.advance(99)
    expect(breaker.enter()).toBeUndefined()
    clock.advance(1)
    const probe = breaker.enter()
    expect(probe).toBeDefined()
    expect(breaker.state).toBe('half-open')
    expect(breaker.enter()).toBeUndefined()
    clock.advance(10_000)
    expect(breaker.enter()).toBeUndefined()
    breaker.succeeded(probe ?? -1)
    expect(breaker.state).toBe('closed')
    expect(breaker.cause).toBeUndefined()
    expect(breaker.enter()).toBeDefined()
  })

  it('waits twice as long after each probe that fails, up to half a second', () => {
    const { breaker, clock, fail } = breakerWith()
    fail(true)
    const waits: number[] = []
    for (let probe = 0; probe < 6; probe++) {
      const since = clock.now()
      let pass = breaker.enter()
      while (pass === undefined) {
        clock.advance(1)
        pass = breaker.enter()
      }
      waits.push(clock.now() - since)
      breaker.failed(pass, new Error('lost'), false)
    }
    expect(waits).toEqual([100, 200, 400, 500, 500, 500])
  })

  it('begins with the short wait again after it was closed', () => {
    const { breaker, clock, fail } = breakerWith()
    fail(true)
    for (let probe = 0; probe < 5; probe++) {
      clock.advance(MAX_PROBE)
      fail(true)
    }
    clock.advance(MAX_PROBE)
    breaker.succeeded(breaker.enter() ?? -1)
    fail(true)
    clock.advance(100)
    expect(breaker.enter()).toBeDefined()
  })

  it('shortens the wait at random, by half at most', () => {
    const { breaker, clock, fail } = breakerWith({ random: () => 0.999999 })
    fail(true)
    clock.advance(49)
    expect(breaker.enter()).toBeUndefined()
    clock.advance(2)
    expect(breaker.enter()).toBeDefined()
  })

  it('is told nothing by calls of before its last change', () => {
    const { breaker, clock, fail } = breakerWith()
    const early = breaker.enter() ?? -1
    const earlier = breaker.enter() ?? -1
    fail(true)
    breaker.succeeded(early)
    expect(breaker.state).toBe('open')
    clock.advance(100)
    const probe = breaker.enter() ?? -1
    breaker.failed(early, new Error('late'), true)
    breaker.succeeded(earlier)
    expect(breaker.state).toBe('half-open')
    breaker.succeeded(probe)
    breaker.failed(earlier, new Error('late'), true)
    expect(breaker.state).toBe('closed')
  })

  it('probes again at once where a probe says nothing', () => {
    const { breaker, clock, fail } = breakerWith()
    fail(true)
    clock.advance(100)
    const probe = breaker.enter() ?? -1
    breaker.inconclusive(probe)
    expect(breaker.state).toBe('open')
    breaker.succeeded(probe)
    expect(breaker.state).toBe('open')
    expect(breaker.enter()).toBeDefined()
  })

  it('tells of its opening and its closing once each, and of no probe', () => {
    const { breaker, clock, changes, fail } = breakerWith()
    fail(true)
    for (let probe = 0; probe < 5; probe++) {
      clock.advance(MAX_PROBE)
      fail(true)
    }
    clock.advance(MAX_PROBE)
    breaker.succeeded(breaker.enter() ?? -1)
    breaker.succeeded(breaker.enter() ?? -1)
    expect(changes).toEqual(['open', 'closed'])
  })

  it('is not kept open by a clock that is set back', () => {
    const { breaker, clock, fail } = breakerWith()
    fail(true)
    clock.advance(-3_600_000)
    expect(breaker.enter()).toBeDefined()
  })
})
