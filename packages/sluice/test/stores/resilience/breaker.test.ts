import { describe, expect, it } from 'vitest'
import { Breaker, MAX_PROBE_DELAY_MS } from '../../../src/stores/resilience/breaker.js'
import { manualClock } from '../../../src/time/clock.js'

function breakerWith({ failures = 3, random = () => 0 }: { failures?: number; random?: () => number } = {}) {
  const clock = manualClock(1000)
  const changes: string[] = []
  const breaker = new Breaker({ failures, clock, random, onChange: (state) => changes.push(state) })
  const fail = (isTimeout = false) =>
    breaker.recordFailure(breaker.enter() ?? -1, new Error('lost'), isTimeout)
  return { breaker, clock, changes, fail }
}

describe('Breaker', () => {
  it('opens after consecutive failures and starts counting again after a success', () => {
    const { breaker, fail } = breakerWith()
    fail()
    fail()
    breaker.recordSuccess(breaker.enter() ?? -1)
    fail()
    fail()
    expect(breaker.state).toBe('closed')
    fail()
    expect(breaker.state).toBe('open')
    expect(breaker.enter()).toBeUndefined()
  })

  it('opens at the first timeout', () => {
    const { breaker, fail } = breakerWith()
    fail(true)
    expect(breaker.state).toBe('open')
    expect(breaker.cause).toEqual(new Error('lost'))
  })

  it('admits one probe, and every call once the probe has succeeded', () => {
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
    breaker.recordSuccess(probe ?? -1)
    expect(breaker.state).toBe('closed')
    expect(breaker.cause).toBeUndefined()
    expect(breaker.enter()).toBeDefined()
  })

  it('doubles the delay after each failed probe, up to half a second', () => {
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
      breaker.recordFailure(pass, new Error('lost'), false)
    }
    expect(waits).toEqual([100, 200, 400, 500, 500, 500])
  })

  it('starts with the shortest delay again after it has closed', () => {
    const { breaker, clock, fail } = breakerWith()
    fail(true)
    for (let probe = 0; probe < 5; probe++) {
      clock.advance(MAX_PROBE_DELAY_MS)
      fail(true)
    }
    clock.advance(MAX_PROBE_DELAY_MS)
    breaker.recordSuccess(breaker.enter() ?? -1)
    fail(true)
    clock.advance(100)
    expect(breaker.enter()).toBeDefined()
  })

  it('shortens the delay at random by up to half', () => {
    const { breaker, clock, fail } = breakerWith({ random: () => 0.999999 })
    fail(true)
    clock.advance(49)
    expect(breaker.enter()).toBeUndefined()
    clock.advance(2)
    expect(breaker.enter()).toBeDefined()
  })

  it('ignores results of calls from before its last state transition', () => {
    const { breaker, clock, fail } = breakerWith()
    const early = breaker.enter() ?? -1
    const earlier = breaker.enter() ?? -1
    fail(true)
    breaker.recordSuccess(early)
    expect(breaker.state).toBe('open')
    clock.advance(100)
    const probe = breaker.enter() ?? -1
    breaker.recordFailure(early, new Error('late'), true)
    breaker.recordSuccess(earlier)
    expect(breaker.state).toBe('half-open')
    breaker.recordSuccess(probe)
    breaker.recordFailure(earlier, new Error('late'), true)
    expect(breaker.state).toBe('closed')
  })

  it('probes again at once after an inconclusive probe', () => {
    const { breaker, clock, fail } = breakerWith()
    fail(true)
    clock.advance(100)
    const probe = breaker.enter() ?? -1
    breaker.recordInconclusive(probe)
    expect(breaker.state).toBe('open')
    breaker.recordSuccess(probe)
    expect(breaker.state).toBe('open')
    expect(breaker.enter()).toBeDefined()
  })

  it('reports each opening and closing once, and does not report failed probes', () => {
    const { breaker, clock, changes, fail } = breakerWith()
    fail(true)
    for (let probe = 0; probe < 5; probe++) {
      clock.advance(MAX_PROBE_DELAY_MS)
      fail(true)
    }
    clock.advance(MAX_PROBE_DELAY_MS)
    breaker.recordSuccess(breaker.enter() ?? -1)
    breaker.recordSuccess(breaker.enter() ?? -1)
    expect(changes).toEqual(['open', 'closed'])
  })

  it('is not kept open by a clock that was set back', () => {
    const { breaker, clock, fail } = breakerWith()
    fail(true)
    clock.advance(-3_600_000)
    expect(breaker.enter()).toBeDefined()
  })
})
