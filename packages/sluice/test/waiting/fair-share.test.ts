import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceOf, type Work } from '../../src/rules/work.js'
import { FairShare } from '../../src/waiting/fair-share.js'
import { LastingOrders } from '../../src/waiting/lasting-orders.js'
import type { Waiting } from '../../src/waiting/order.js'
import type { Share, TenantCharge } from '../../src/waiting/share.js'

const COUNTS = { input: 1, output: 2 }
const SIZE = { maxQueued: 4, isPerClient: false }

interface Entry extends Waiting {
  readonly share: Share
}

function entryOf(tenant: string, ticket: number, work: Work, weight = 1): Entry {
  return { ticket, waiter: undefined, share: { tenant, weight, work, counts: COUNTS } }
}

/** Dispatches the first request of a line. */
function dispatch(
  line: FairShare<Entry>,
): { readonly entry: Entry; readonly service: TenantCharge } | undefined {
  const entry = line.first
  if (entry === undefined) return undefined
  const service = line.begin(entry.share)
  line.remove(entry)
  return { entry, service }
}

/** A request of the model. What it is charged follows from its state. */
interface ModelRequest {
  readonly entry: Entry
  written: number | undefined
  actual: Work | undefined
  hasEnded: boolean
}

/** A slow fair line that forgets nobody, and derives what a tenant was charged from its requests. */
class ModelLine {
  readonly waiting: Entry[] = []
  readonly #requests: ModelRequest[] = []
  /** What the lifts of a tenant have added to its counter. */
  readonly #lifts = new Map<string, number>()
  #virtualTime = 0

  get first(): Entry | undefined {
    const heads = new Map<string, Entry>()
    for (const entry of this.waiting) {
      const head = heads.get(entry.share.tenant)
      if (head === undefined || entry.ticket < head.ticket) heads.set(entry.share.tenant, entry)
    }
    return [...heads.values()].sort(
      (one, other) => this.#counterOf(one) - this.#counterOf(other) || one.ticket - other.ticket,
    )[0]
  }

  push(entry: Entry): void {
    this.#liftIdle(entry)
    this.waiting.push(entry)
  }

  remove(entry: Entry): void {
    this.waiting.splice(this.waiting.indexOf(entry), 1)
  }

  begin(entry: Entry): ModelRequest {
    this.#liftIdle(entry)
    this.#virtualTime = Math.max(this.#virtualTime, this.#counterOf(entry))
    const request: ModelRequest = { entry, written: undefined, actual: undefined, hasEnded: false }
    this.#requests.push(request)
    return request
  }

  /** A tenant that comes back after its last request has ended starts at the virtual time. */
  liftLate(entry: Entry): void {
    const { tenant } = entry.share
    if (!this.#requests.some((each) => !each.hasEnded && each.entry.share.tenant === tenant))
      this.#liftIdle(entry)
  }

  #liftIdle(entry: Entry): void {
    const { tenant } = entry.share
    if (this.waiting.some((each) => each.share.tenant === tenant)) return
    const missing = this.#virtualTime - this.#counterOf(entry)
    if (missing > 0) this.#lifts.set(tenant, (this.#lifts.get(tenant) ?? 0) + missing)
  }

  #counterOf({ share: { tenant } }: Entry): number {
    const own = this.#requests.filter(({ entry }) => entry.share.tenant === tenant)
    return own.reduce((sum, request) => sum + chargeOf(request), this.#lifts.get(tenant) ?? 0)
  }
}

function chargeOf({ entry: { share }, written, actual, hasEnded }: ModelRequest): number {
  const { input, output } = share.work
  const running = {
    input,
    output: hasEnded && written !== undefined ? written : Math.max(output, written ?? 0),
  }
  return serviceOf(actual ?? running, share.counts) / share.weight
}

// Whole amounts and powers of two, so that sums are exact in any order.
const amount = fc.nat(8)
const work = fc.record({ input: amount, output: amount })
const weights = { a: 1, b: 2, c: 0.5, d: 4, e: 1 }
const tenant = fc.constantFrom<keyof typeof weights>('a', 'b', 'c', 'd', 'e')
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('arrive' as const), tenant, work }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('dispatch' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('direct' as const), tenant, work }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), pick: fc.nat() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('wrote' as const, 'served' as const, 'end' as const, 'cancel' as const),
      pick: fc.nat(),
      work,
    }),
  },
)

describe('a fair line', () => {
  it('dispatches as a model that forgets nobody and charges what was delivered, in any order of events', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const line = new FairShare<Entry>(() => 0)
        const model = new ModelLine()
        const running: { readonly service: TenantCharge; readonly request: ModelRequest }[] = []
        const begin = (entry: Entry) =>
          void running.push({ service: line.begin(entry.share), request: model.begin(entry) })
        let isLate = false
        for (const [ticket, step] of steps.entries()) {
          if (step.kind === 'arrive') {
            const entry = entryOf(step.tenant, ticket, step.work, weights[step.tenant])
            line.push(entry)
            model.push(entry)
          } else if (step.kind === 'direct') {
            begin(entryOf(step.tenant, ticket, step.work, weights[step.tenant]))
          } else if (step.kind === 'dispatch') {
            const entry = model.first
            if (entry === undefined) continue
            begin(entry)
            line.remove(entry)
            model.remove(entry)
          } else if (step.kind === 'leave') {
            const entry = model.waiting[step.pick % Math.max(1, model.waiting.length)]
            if (entry === undefined) continue
            line.remove(entry)
            model.remove(entry)
          } else {
            const chosen = running[step.pick % Math.max(1, running.length)]
            if (chosen === undefined) continue
            const { service, request } = chosen
            isLate = request.hasEnded && request.actual === undefined
            if (isLate) model.liftLate(request.entry)
            if (step.kind === 'wrote') {
              service.wrote(step.work.output)
              if (request.actual === undefined && !request.hasEnded)
                request.written = Math.max(request.written ?? 0, step.work.output)
            } else if (step.kind === 'served') {
              service.served(step.work)
              request.actual ??= step.work
            } else if (step.kind === 'cancel') {
              service.takeBack()
              request.actual ??= { input: 0, output: 0 }
              service.end()
              request.hasEnded = true
            } else {
              service.end()
              request.hasEnded = true
            }
          }
          expect(line.first?.ticket).toBe(model.first?.ticket)
          expect(line.length).toBe(model.waiting.length)
        }
      }),
      { seed: 20261203, numRuns: 2_000 },
    )
  })

  it('keeps the service of tenants that wait throughout within the bound of the largest charges and errors', () => {
    const trace = fc.record({
      slots: fc.integer({ min: 1, max: 6 }),
      weights: fc.tuple(fc.constantFrom(1, 2, 4), fc.constantFrom(1, 2, 4), fc.constantFrom(1, 2, 4)),
      requests: fc.array(fc.record({ work, actual: amount, steps: fc.integer({ min: 1, max: 5 }) }), {
        minLength: 30,
        maxLength: 60,
      }),
    })
    fc.assert(
      fc.property(trace, ({ slots, weights, requests }) => {
        const line = new FairShare<Entry>(() => 0)
        const tenants = ['a', 'b', 'c']
        const delivered = new Map(tenants.map((name) => [name, 0]))
        const weightOf = (name: string) => weights[tenants.indexOf(name)] as number
        let next = 0
        const arrive = (name: string) => {
          const { work } = requests[next % requests.length] as (typeof requests)[number]
          line.push(entryOf(name, next++, work, weightOf(name)))
        }
        for (const name of tenants) arrive(name)
        const running: {
          at: number
          steps: number
          actual: number
          entry: Entry
          service: TenantCharge
          written: number
        }[] = []
        const deliver = ({ share }: Entry, service: number) =>
          delivered.set(share.tenant, (delivered.get(share.tenant) as number) + service)
        const w = Math.min(...weights)
        const X = Math.max(...requests.map(({ work }) => work.input))
        const Y = Math.max(...requests.map(({ work, actual }) => Math.max(work.output, actual)))
        const E = Math.max(...requests.map(({ work, actual }) => Math.abs(work.output - actual)))
        const S = (X + 2 * Y + 2 * slots * E) / w
        const bound = 2 * S + (2 * slots * Y) / w
        for (let now = 0; now < 150; now++) {
          while (running.length < slots) {
            const { entry, service } = dispatch(line) as NonNullable<ReturnType<typeof dispatch>>
            const { actual, steps } = requests[entry.ticket % requests.length] as (typeof requests)[number]
            running.push({ at: now, steps, actual, entry, service, written: 0 })
            deliver(entry, entry.share.work.input)
            arrive(entry.share.tenant)
          }
          for (const request of [...running]) {
            const part = Math.min(1, (now + 1 - request.at) / request.steps)
            const written = Math.floor(part * request.actual)
            deliver(request.entry, 2 * (written - request.written))
            request.written = written
            request.service.wrote(written)
            if (part < 1) continue
            request.service.served({ output: written })
            request.service.end()
            running.splice(running.indexOf(request), 1)
          }
          const normalized = tenants.map((name) => (delivered.get(name) as number) / weightOf(name))
          expect(Math.max(...normalized) - Math.min(...normalized)).toBeLessThanOrEqual(bound + 1e-9)
        }
      }),
      { seed: 20261203, numRuns: 200 },
    )
  })

  it('divides the service of tenants that wait throughout by their weights', () => {
    const line = new FairShare<Entry>(() => 0)
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 }
    const weight: Record<string, number> = { a: 1, b: 2, c: 4 }
    let ticket = 0
    for (const name of ['a', 'b', 'c', 'a', 'b', 'c'])
      line.push(entryOf(name, ticket++, { input: 10, output: 0 }, weight[name]))
    for (let round = 0; round < 700; round++) {
      const { entry, service } = dispatch(line) as NonNullable<ReturnType<typeof dispatch>>
      const name = entry.share.tenant
      counts[name] = (counts[name] ?? 0) + 1
      service.end()
      line.push(entryOf(name, ticket++, { input: 10, output: 0 }, weight[name]))
    }
    expect(counts).toEqual({ a: 100, b: 200, c: 400 })
  })

  it('takes the last place of the tenant with the longest queue, and only if that is longer than the own one', () => {
    const arrivals = fc.array(fc.record({ tenant, leaves: fc.boolean() }), {
      minLength: 5,
      maxLength: 60,
      size: 'max',
    })
    fc.assert(
      fc.property(arrivals, (arrivals) => {
        const line = new FairShare<Entry>(() => 0)
        const waiting: Entry[] = []
        const queueOf = (name: string) => waiting.filter(({ share }) => share.tenant === name)
        const lengthOf = (name: keyof typeof weights) => queueOf(name).length / weights[name]
        for (const [ticket, { tenant, leaves }] of arrivals.entries()) {
          if (leaves) {
            const gone = waiting.shift()
            if (gone !== undefined) line.remove(gone)
          }
          const entry = entryOf(tenant, ticket, { input: 1, output: 0 }, weights[tenant])
          const own = (queueOf(tenant).length + 1) / weights[tenant]
          const longest = Math.max(...(Object.keys(weights) as (keyof typeof weights)[]).map(lengthOf))
          const displaced = line.displacedBy(entry, SIZE)
          const isFull = waiting.length === SIZE.maxQueued
          expect(displaced !== undefined).toBe(isFull && longest > own)
          expect(line.isFullFor(entry, SIZE)).toBe(isFull && longest <= own)
          if (displaced !== undefined) {
            const loser = displaced.share.tenant as keyof typeof weights
            expect(lengthOf(loser)).toBe(longest)
            expect(displaced).toBe(queueOf(loser).at(-1))
            line.remove(displaced)
            waiting.splice(waiting.indexOf(displaced), 1)
          } else if (isFull) continue
          line.push(entry)
          waiting.push(entry)
        }
      }),
      { seed: 20261203, numRuns: 500 },
    )
  })

  it('remembers tenants only while they wait, are in flight or owe service, and at most a bounded number', () => {
    const line = new FairShare<Entry>(() => 0, undefined, 10)
    const served = (name: string, input: number) =>
      line.begin(entryOf(name, 0, { input, output: 0 }).share).end()
    for (let number = 0; number < 50; number++) served(`tenant ${number}`, 100 + number)
    expect(line.tenants).toBe(10)
    // The smallest debts were forgiven. The second request advances the virtual time to the largest.
    served('tenant 49', 1)
    expect(line.tenants).toBe(1)
    line.push(entryOf('other', 1, { input: 1, output: 0 }))
    dispatch(line)?.service.takeBack()
    expect(line.tenants).toBe(2)
  })

  it('predicts the wait from the service that waits and the rate at which it was dispatched', () => {
    let now = 0
    const line = new FairShare<Entry>(() => now)
    let ticket = 0
    const push = (name: string) => line.push(entryOf(name, ticket++, { input: 10, output: 0 }))
    for (let number = 0; number < 60; number++) push('flood')
    const newcomer = entryOf('other', 1_000, { input: 10, output: 0 })
    for (let number = 0; number < 50; number++) {
      expect(line.expectedWaitMs(newcomer)).toBeUndefined()
      now += 100
      dispatch(line)?.service.end()
    }
    // A request of 10 units each 100 ms: the newcomer waits for one of the other tenant and its own.
    expect(line.expectedWaitMs(newcomer)).toBe(200)
    expect(line.expectedWaitMs(entryOf('flood', 1_000, { input: 10, output: 0 }))).toBe(1_000)
  })
})

describe('the orders of fair lines', () => {
  it('are forgotten with the last tenant, and bounded by the tenants of idle lines', () => {
    const orders = new LastingOrders<Entry>(() => 0, 3)
    const { share } = entryOf('a', 0, { input: 1, output: 0 })
    const terms = { share, rank: undefined }
    const free = orders.of('free', terms)
    orders.begin('free', { ...terms, share: { ...share, work: { input: 0, output: 0 } } })?.end()
    expect(orders.of('free', terms)).not.toBe(free)
    const busy = orders.of('busy', terms)
    orders.begin('busy', terms)
    const lines = [1, 2, 3, 4].map((number) => {
      const order = orders.of(`line ${number}`, terms)
      orders.begin(`line ${number}`, terms)?.end()
      return order
    })
    expect([1, 2, 3, 4].map((number) => orders.of(`line ${number}`, terms) === lines[number - 1])).toEqual([
      false,
      true,
      true,
      true,
    ])
    expect(orders.of('busy', terms)).toBe(busy)
  })
})
