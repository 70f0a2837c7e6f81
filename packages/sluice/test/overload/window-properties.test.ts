import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HandOverWindow, type SentRequest, type WindowOptions } from '../../src/overload/hand-over-window.js'

type Step =
  | { readonly kind: 'pass'; readonly milliseconds: number }
  | { readonly kind: 'ask'; readonly input: number; readonly isStream: boolean }
  | { readonly kind: 'begin' | 'write' | 'end' | 'abort'; readonly index: number }
  | {
      readonly kind: 'reject'
      readonly index: number
      readonly isError: boolean
      readonly after: number | undefined
    }
  | { readonly kind: 'load'; readonly waiting: number; readonly memoryUsed: number }

const index = fc.nat(1_000)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), milliseconds: fc.nat(900) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      input: fc.oneof(fc.nat(4_000), fc.constantFrom(0, 1, 2 ** 18, 10_000_000)),
      isStream: fc.integer({ min: 0, max: 3 }).map((number) => number > 0),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constantFrom('begin', 'write', 'end', 'abort' as const), index }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('reject' as const),
      index,
      isError: fc.boolean(),
      after: fc.option(fc.constantFrom(0, 500, 20_000, 10_000_000), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('load' as const),
      waiting: fc.nat(5_000),
      memoryUsed: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
)
const windowOptions: fc.Arbitrary<WindowOptions> = fc.record({
  max: fc.integer({ min: 1, max: 40 }),
  replicas: fc.integer({ min: 1, max: 8 }),
  keep: fc.constantFrom('latency' as const, 'throughput' as const),
  gapMs: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
  hasHiddenWork: fc.boolean(),
})

/** A request in flight, as the model of a client knows it. */
interface Flight {
  readonly sent: SentRequest
  output: number
}

/** Drives a window with steps; it sends only what the window lets pass. */
class Driver {
  readonly window: HandOverWindow
  readonly flights: Flight[] = []
  /** Requests that have ended. Anything may still be reported of them. */
  readonly past: SentRequest[] = []
  now = 1_000

  constructor(options: WindowOptions) {
    this.window = new HandOverWindow(options)
  }

  /** Lets time pass. Returns the time then. */
  after(milliseconds: number): number {
    this.now += milliseconds
    return this.now
  }

  take(step: Step): void {
    if (step.kind === 'pass') this.now += step.milliseconds
    else if (step.kind === 'load') this.window.onLoad(step, this.now)
    else if (step.kind === 'ask') this.#ask(step.input, step.isStream)
    else this.#report(step)
  }

  end(flight: Flight): void {
    const { sent, output } = flight
    this.window.ended(sent, this.now, { isStream: sent.isStream, output, visibleOutput: output })
    this.#forget(flight)
  }

  #ask(input: number, isStream: boolean): void {
    if (!this.window.isOpen(this.now)) return
    this.flights.push({ sent: this.window.sent(this.now, input, isStream), output: 1 })
  }

  #report(step: Exclude<Step, { readonly kind: 'pass' | 'load' | 'ask' }>): void {
    const { window, now } = this
    const flight = this.flights[step.index % Math.max(1, this.flights.length)]
    if (flight === undefined) return
    const { sent } = flight
    if (step.kind === 'begin') window.began(sent, now)
    else if (step.kind === 'write') {
      flight.output += 1 + (step.index % 40)
      window.wrote(sent, now, flight.output)
    } else if (step.kind === 'end') this.end(flight)
    else {
      if (step.kind !== 'reject') window.ended(sent, now, undefined)
      else window.rejected(sent, now, step.isError ? 'error' : 'overloaded', step.after)
      this.#forget(flight)
    }
  }

  #forget(flight: Flight): void {
    this.flights.splice(this.flights.indexOf(flight), 1)
    this.past.push(flight.sent)
  }
}

describe('the hand-over window', () => {
  it('stays within its bounds whatever the order of events', () => {
    property((driver, options) => {
      const state = driver.window.state(driver.now)
      expect(state.inFlight).toBe(driver.flights.length)
      expect(state.inFlight).toBeLessThanOrEqual(options.max)
      expect(state.notBegun).toBeGreaterThanOrEqual(0)
      expect(state.notBegun).toBeLessThanOrEqual(state.inFlight)
      expect(state.window).toBeGreaterThanOrEqual(1)
      expect(state.window).toBeLessThanOrEqual(2_048)
      expect(state.cap).toBeGreaterThanOrEqual(1)
      expect(state.cap).toBeLessThanOrEqual(options.max)
      expect(state.holdMs).toBeLessThanOrEqual(30_000)
      for (const value of Object.values(state))
        if (typeof value === 'number') expect(value).toBeGreaterThanOrEqual(0)
    })
  })

  it('lets a request pass whenever none is in flight, except during a hold', () => {
    property(({ window, now, flights }) => {
      if (flights.length > 0) return
      expect(window.isOpen(now)).toBe(window.state(now).holdMs === 0)
      expect(window.isOpen(now + window.state(now).holdMs)).toBe(true)
    })
  })

  it('says when to ask again whenever it is closed', () => {
    property(({ window, now }) => {
      if (window.isOpen(now)) return
      const next = window.nextChangeAt(now)
      expect(next).toBeDefined()
      expect((next as number) - now).toBeLessThanOrEqual(30_000)
    })
  })

  it('counts no request that has ended, whatever is reported of it afterwards', () => {
    property(({ window, now, past }) => {
      const before = window.state(now)
      for (const request of past.slice(-3)) {
        window.began(request, now)
        window.wrote(request, now, 1_000)
        window.ended(request, now, { isStream: true, output: 5_000, visibleOutput: 1 })
        window.rejected(request, now, 'overloaded', 10_000)
        window.ended(request, now, undefined)
      }
      expect(window.state(now)).toEqual(before)
    })
  })

  it('counts the beginning of a response once', () => {
    property(({ window, now, flights }) => {
      for (const { sent } of flights.slice(0, 2)) window.began(sent, now)
      const before = window.state(now)
      for (const { sent } of flights.slice(0, 2)) window.began(sent, now)
      expect(window.state(now)).toEqual(before)
    })
  })

  it('keeps nothing of requests that have ended', () => {
    fc.assert(
      fc.property(windowOptions, fc.array(step, { maxLength: 200 }), (options, steps) => {
        const driver = new Driver(options)
        for (const each of steps) driver.take(each)
        for (const flight of [...driver.flights]) driver.end(flight)
        expect(driver.window.state(driver.now)).toMatchObject({ inFlight: 0, notBegun: 0 })
        // No document is left that would begin later.
        expect(driver.window.nextChangeAt(driver.now + 60_000)).toBeUndefined()
      }),
      { seed: 4, numRuns: 100 },
    )
  })

  it('is off while usage is missing in 5 of the last 24 streams, and on again afterwards', () => {
    const driver = new Driver({ max: 10, replicas: 1 })
    const answer = (hasUsage: boolean) => {
      const request = driver.window.sent(driver.after(100), 100, true)
      const output = hasUsage ? 10 : undefined
      driver.window.ended(request, driver.after(100), { isStream: true, output, visibleOutput: 10 })
      return driver.window.state(driver.now).off
    }
    for (let count = 0; count < 24; count++) expect(answer(true)).toBeUndefined()
    for (let count = 0; count < 4; count++) expect(answer(false)).toBeUndefined()
    expect(answer(false)).toBe('no usage')
    for (let count = 0; count < 19; count++) expect(answer(true)).toBe('no usage')
    expect(answer(true)).toBeUndefined()
  })

  it('is off after 50 responses without a stream, until the next stream', () => {
    const driver = new Driver({ max: 10, replicas: 1 })
    const answer = (isStream: boolean) => {
      const request = driver.window.sent(driver.after(100), 100, isStream)
      driver.window.ended(request, driver.after(100), { isStream, output: 10, visibleOutput: 10 })
      return driver.window.state(driver.now).off
    }
    for (let count = 0; count < 49; count++) expect(answer(false)).toBeUndefined()
    expect(answer(false)).toBe('no streams')
    expect(answer(true)).toBeUndefined()
  })

  it('admits up to its maximum where work is hidden', () => {
    const window = new HandOverWindow({ max: 10, replicas: 1, hasHiddenWork: true })
    for (let count = 0; count < 10; count++) {
      expect(window.isOpen(0)).toBe(true)
      window.sent(0, 100, true)
    }
    expect(window.isOpen(0)).toBe(false)
    expect(window.state(0)).toMatchObject({ off: 'hidden work', window: 10, inFlight: 10 })
  })

  it('takes a document for begun once a stream of its size would have begun', () => {
    const driver = new Driver({ max: 100, replicas: 1 })
    for (let count = 0; count < 50; count++) {
      const stream = driver.window.sent(driver.now, 1_000, true)
      driver.window.began(stream, driver.after(400))
      driver.window.ended(stream, driver.after(100), { isStream: true, output: 1, visibleOutput: 1 })
    }
    driver.window.sent(driver.now, 1_000, false)
    const next = driver.window.nextChangeAt(driver.now)
    expect(next).toBeCloseTo(driver.now + 400, 3)
    expect(driver.window.state(driver.now + 399).notBegun).toBe(1)
    expect(driver.window.state(driver.now + 401).notBegun).toBe(0)
  })

  it('forgets a document that ends before it would have begun', () => {
    const driver = new Driver({ max: 100, replicas: 1 })
    const first = driver.window.sent(driver.now, 100, true)
    driver.window.began(first, driver.after(5_000))
    const document = driver.window.sent(driver.now, 100, false)
    driver.window.ended(document, driver.after(10), undefined)
    const stream = driver.window.sent(driver.now, 100, true)
    const shortBefore = driver.now + 4_900
    expect(driver.window.nextChangeAt(shortBefore)).toBe(shortBefore + 500)
    const state = driver.window.state(driver.after(10_000))
    expect(state).toMatchObject({ inFlight: 2, notBegun: 1 })
    driver.window.ended(stream, driver.now, undefined)
    expect(driver.window.state(driver.now)).toMatchObject({ inFlight: 1, notBegun: 0 })
  })

  it('sends one request after a hold, and more once its response has begun', () => {
    const driver = new Driver({ max: 100, replicas: 1 })
    const { window } = driver
    const rejected = window.sent(driver.now, 100, true)
    window.rejected(rejected, driver.after(10), 'overloaded', 5_000)
    expect(window.isOpen(driver.now)).toBe(false)
    expect(window.nextChangeAt(driver.now)).toBe(driver.now + 5_000)
    expect(window.isOpen(driver.after(4_999))).toBe(false)
    expect(window.isOpen(driver.after(1))).toBe(true)
    const test = window.sent(driver.now, 100, true)
    expect(window.isOpen(driver.after(4_000))).toBe(false)
    window.began(test, driver.after(1))
    expect(window.isOpen(driver.now)).toBe(true)
    window.sent(driver.now, 100, true)
    expect(window.isOpen(driver.now)).toBe(true)
  })

  it('doubles its holds until a document is answered, though documents count as begun before', () => {
    const driver = new Driver({ max: 100, replicas: 1 })
    const { window } = driver
    const holdAfterRejection = () => {
      const document = window.sent(driver.now, 100, false)
      window.rejected(document, driver.after(5_000), 'overloaded')
      return window.state(driver.now).holdMs
    }
    for (const hold of [1_000, 2_000, 4_000, 8_000]) {
      expect(holdAfterRejection()).toBe(hold)
      driver.after(hold)
    }
    const document = window.sent(driver.now, 100, false)
    window.ended(document, driver.after(5_000), { isStream: false, output: 10, visibleOutput: 10 })
    expect(holdAfterRejection()).toBe(1_000)
  })

  it('does not grow while the memory of the server is full, from its start on', () => {
    const driver = new Driver({ max: 1_000, replicas: 1 })
    const flights: SentRequest[] = []
    while (driver.now < 20_000) {
      driver.window.onLoad({ waiting: 0, memoryUsed: 0.95 }, driver.now)
      while (driver.window.isOpen(driver.now)) flights.push(driver.window.sent(driver.now, 100, true))
      driver.after(50)
      for (const request of flights.splice(0, 4)) {
        driver.window.began(request, driver.now)
        driver.window.ended(request, driver.now, { isStream: true, output: 1, visibleOutput: 1 })
      }
    }
    expect(driver.window.state(driver.now).window).toBeLessThanOrEqual(4)
  })

  it('moves the cap of the gap only when a gap was measured', () => {
    const driver = new Driver({ max: 1_000, replicas: 1, gapMs: 40 })
    const requests = Array.from({ length: 100 }, () => driver.window.sent(driver.now, 100, true))
    driver.after(100)
    for (const request of requests) driver.window.began(request, driver.now)
    // 45.5 ms per token.
    for (let count = 1; count <= 12; count++) {
      driver.after(500)
      for (const request of requests) driver.window.wrote(request, driver.now, 1 + 11 * count)
    }
    expect(driver.window.state(driver.now).cap).toBe(88)
    for (const request of requests) driver.window.ended(request, driver.now, undefined)
    for (let count = 0; count < 10; count++) expect(driver.window.state(driver.after(6_000)).cap).toBe(88)
  })

  it('does not count the output that came with the beginning as output without a gap', () => {
    for (const isReported of [false, true]) {
      const driver = new Driver({ max: 100, replicas: 1 })
      const request = driver.window.sent(driver.now, 100, true)
      driver.after(100)
      if (isReported) driver.window.began(request, driver.now)
      driver.window.wrote(request, driver.now, 33)
      driver.window.wrote(request, driver.after(1_600), 83)
      expect(driver.window.state(driver.after(5_000)).gapMs).toBe(32)
    }
  })

  it('ignores metrics older than 3 s while it is off', () => {
    const window = new HandOverWindow({ max: 100, replicas: 1, hasHiddenWork: true })
    for (let count = 0; count < 20; count++) window.sent(0, 100, true)
    window.onLoad({ waiting: 10, memoryUsed: undefined }, 0)
    expect(window.state(3_000).cap).toBe(10)
    expect(window.isOpen(3_000)).toBe(false)
    expect(window.state(3_001).cap).toBe(100)
    expect(window.isOpen(3_001)).toBe(true)
  })

  it('predicts when a response begins', () => {
    const driver = new Driver({ max: 100, replicas: 1 })
    expect(driver.window.predictBegin(100)).toBe(0)
    for (let count = 1; count <= 10; count++) {
      const request = driver.window.sent(driver.now, 100, true)
      driver.window.began(request, driver.after(10 * count))
    }
    expect(driver.window.predictBegin(100)).toBe(100)
  })

  it('starts again after a minute without requests', () => {
    const driver = new Driver({ max: 1_000, replicas: 1 })
    const flights: Flight[] = []
    while (driver.now < 60_000) {
      while (driver.window.isOpen(driver.now))
        flights.push({ sent: driver.window.sent(driver.now, 100, true), output: 1 })
      driver.after(50)
      for (const { sent } of flights.splice(0, 4)) {
        driver.window.began(sent, driver.now)
        driver.window.ended(sent, driver.now, { isStream: true, output: 1, visibleOutput: 1 })
      }
    }
    for (const { sent } of flights) driver.window.ended(sent, driver.now, undefined)
    expect(driver.window.state(driver.now).window).toBeGreaterThan(8)
    driver.window.sent(driver.now + 60_000, 100, true)
    expect(driver.window.state(driver.now + 60_000).window).toBe(4)
  })
})

/** Checks a property after each step of a random sequence. */
function property(check: (driver: Driver, options: WindowOptions) => void): void {
  fc.assert(
    fc.property(windowOptions, fc.array(step, { maxLength: 150 }), (options, steps) => {
      const driver = new Driver(options)
      for (const each of steps) {
        driver.take(each)
        check(driver, options)
      }
    }),
    { seed: 19, numRuns: 150 },
  )
}
