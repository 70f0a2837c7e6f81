import { describe, expect, it } from 'vitest'
import { FairShare } from '../../src/waiting/fair-share.js'
import type { OrderReport } from '../../src/waiting/fleet-member.js'
import type { Waiting } from '../../src/waiting/order.js'
import type { Share, TenantCharge } from '../../src/waiting/share.js'

const COUNTS = { input: 1, output: 2 }
/** In which the tenants of one gateway may get ahead of the others. */
const WARM_UP_MS = 60_000
const DURATION_MS = 240_000

interface Entry extends Waiting {
  readonly share: Share
  readonly output: number
}

interface Layout {
  /** The tenants that use each gateway. All of them always wait there. */
  readonly gateways: readonly (readonly string[])[]
  readonly slots: number
  readonly weights?: Readonly<Record<string, number>>
  /** False for orders that are fair by themselves. */
  readonly isFleet?: boolean
  /** When a gateway starts, in milliseconds. Default: 0. */
  readonly startsAt?: readonly number[]
  /** A gateway whose requests are never taken from this time on, though they wait. */
  readonly stuck?: { readonly gateway: number; readonly at: number }
}

/**
 * Runs gateways before a server whose slots the next request of any gateway may take. A request takes
 * the time of its input and output. Predictions of output are wrong by up to half of it.
 */
function run({ gateways, slots, weights = {}, isFleet = true, startsAt = [], stuck }: Layout, seed = 1) {
  let [now, tickets, free] = [0, 0, slots]
  const random = randomOf(seed)
  const orders = gateways.map(() => {
    const order = new FairShare<Entry>(() => now)
    if (isFleet) order.joinFleet()
    return order
  })
  const arrive = (gateway: number, tenant: string) => {
    const output = 50 + Math.floor(300 * random())
    const predicted = Math.floor(output * (0.5 + random()))
    const work = { input: 100 + Math.floor(400 * random()), output: predicted }
    const share = { tenant, weight: weights[tenant] ?? 1, work, counts: COUNTS }
    orders[gateway]?.push({ ticket: tickets++, waiter: tenant, share, output })
  }
  const running: { readonly at: number; readonly end: () => void }[] = []
  const served = new Map<string, number>()
  let total = 0
  const dispatch = (gateway: number, entry: Entry) => {
    const order = orders[gateway] as FairShare<Entry>
    const charge: TenantCharge = order.begin(entry.share)
    order.remove(entry)
    free--
    const { tenant, work } = entry.share
    arrive(gateway, tenant)
    const service = work.input + 2 * entry.output
    const end = () => {
      charge.served({ output: entry.output })
      charge.end()
      free++
      if (now < WARM_UP_MS) return
      served.set(tenant, (served.get(tenant) ?? 0) + service)
      total += service
    }
    running.push({ at: now + work.input / 2 + 20 * entry.output, end })
  }
  let nextExchange = 0
  const isUp = (gateway: number) => now >= (startsAt[gateway] ?? 0)
  const started = new Set<number>()
  for (; now < DURATION_MS; now += 10) {
    for (const [gateway, tenants] of gateways.entries()) {
      if (!isUp(gateway) || started.has(gateway)) continue
      started.add(gateway)
      for (const tenant of tenants) for (let number = 0; number < 5; number++) arrive(gateway, tenant)
    }
    for (const due of running.filter(({ at }) => at <= now)) {
      running.splice(running.indexOf(due), 1)
      due.end()
    }
    if (isFleet && now >= nextExchange) {
      nextExchange = now + 1_000
      const reports = orders.map((order) => JSON.stringify(order.fleet?.report(now)))
      for (const [gateway, order] of orders.entries()) {
        const others = reports.flatMap((text, index) =>
          index === gateway || !started.has(index)
            ? []
            : ([[String(index), JSON.parse(text) as OrderReport]] as const),
        )
        if (started.has(gateway)) order.fleet?.onReports(new Map(others))
      }
    }
    while (free > 0) {
      const ready = orders.flatMap((order, gateway) => {
        const { first } = order
        const isStuck = stuck?.gateway === gateway && now >= stuck.at
        return first !== undefined && !isStuck && order.mayStart(first) ? [{ gateway, first }] : []
      })
      const next = ready[Math.floor(random() * ready.length)]
      if (next === undefined) break
      dispatch(next.gateway, next.first)
    }
  }
  return { served, total }
}

function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Jain's index over the service of tenants, divided by their weights. */
function jain(served: ReadonlyMap<string, number>, weights: Readonly<Record<string, number>> = {}): number {
  const shares = [...served].map(([tenant, service]) => service / (weights[tenant] ?? 1))
  const sum = shares.reduce((one, other) => one + other, 0)
  return sum ** 2 / (shares.length * shares.reduce((squares, share) => squares + share ** 2, 0))
}

const LAYOUTS: Readonly<Record<string, Layout & { readonly alone: number }>> = {
  'one tenant at the first gateway, three at the second': {
    ...{ gateways: [['a'], ['b', 'c', 'd']], slots: 16, alone: 0.8 },
  },
  'one tenant at both gateways, others at one': {
    ...{
      gateways: [
        ['a', 'b'],
        ['a', 'c', 'd'],
      ],
      slots: 16,
      alone: 0.95,
    },
  },
  'four gateways, one tenant at all of them': {
    gateways: [['a'], ['a', 'b'], ['a', 'c'], ['a', 'd', 'e']],
    ...{ slots: 32, alone: 0.75 },
  },
  'weights, and a gateway that starts later': {
    gateways: [
      ['a', 'b'],
      ['c', 'd', 'e', 'f'],
    ],
    ...{ slots: 16, weights: { a: 2, c: 4 }, startsAt: [0, 15_000], alone: 0.9 },
  },
}

describe.each(Object.entries(LAYOUTS))('gateways before one server, %s', (_name, { alone, ...layout }) => {
  it.each([1, 2])('serve tenants in fair shares of the whole, at full throughput, seed %i', (seed) => {
    const fleet = run(layout, seed)
    const apart = run({ ...layout, isFleet: false }, seed)
    expect(jain(apart.served, layout.weights)).toBeLessThan(alone)
    expect(jain(fleet.served, layout.weights)).toBeGreaterThan(0.99)
    expect(fleet.total / apart.total).toBeGreaterThan(0.99)
  })
})

it('a gateway whose requests cannot be served keeps no other one waiting', () => {
  const layout: Layout = { gateways: [['a'], ['b']], slots: 16 }
  const stuck = run({ ...layout, stuck: { gateway: 1, at: 70_000 } })
  expect(stuck.total / run(layout).total).toBeGreaterThan(0.95)
  expect(stuck.served.get('a')).toBeGreaterThan(3 * (stuck.served.get('b') ?? 0))
})

it('an order that hears of nobody holds nothing back', () => {
  const order = new FairShare<Entry>(() => 0)
  order.joinFleet()
  const { fleet } = order
  const work = { input: 100_000, output: 0 }
  const share = { tenant: 'a', weight: 1, work, counts: COUNTS }
  for (let number = 0; number < 30; number++) order.begin(share)
  order.push({ ticket: 1, waiter: 'a', share, output: 0 })
  fleet?.onReports(new Map([['other', { at: 0, least: 0, time: 0, served: {} }]]))
  expect(order.mayStart({ share })).toBe(false)
  fleet?.onReports(new Map())
  expect(order.mayStart({ share })).toBe(true)
})

it('what a tenant got elsewhere is charged once, also after it was forgotten there, and refunds too', () => {
  const order = new FairShare<Entry>(() => 0)
  order.joinFleet()
  const work = { input: 10, output: 0 }
  order.push({ ticket: 1, waiter: 'a', share: { tenant: 'a', weight: 2, work, counts: COUNTS }, output: 0 })
  let at = 0
  const hear = (served: OrderReport['served']) => {
    at += 10
    order.fleet?.onReports(new Map([['other', { at, least: null, time: 0, served }]]))
  }
  hear({ a: [5, 1_000] })
  expect(order.least).toBe(0)
  hear({ a: [5, 1_400] })
  hear({ a: [5, 1_400] })
  expect(order.least).toBe(200)
  hear({ a: [5, 1_000] })
  expect(order.least).toBe(0)
  hear({ a: [45, 300] })
  expect(order.least).toBe(150)
  hear({})
  // It was left out of a report, so it is not known what is new.
  hear({ a: [45, 800] })
  expect(order.least).toBe(150)
  hear({ a: [45, 900] })
  expect(order.least).toBe(200)
})
