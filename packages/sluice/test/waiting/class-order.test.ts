import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClassOrder } from '../../src/waiting/class-order.js'
import type { Waiting } from '../../src/waiting/order.js'
import type { Rank, Share } from '../../src/waiting/share.js'

const SEED = 20261203
const MAX_COST = 50

interface Entry extends Waiting {
  readonly share: Share | undefined
  readonly rank: Rank
}

const FLOORS = [0, 0.2, 0.05]
const NO_FLOORS = [0, 0, 0]

let tickets = 0
function entry(
  index: number,
  cost = 1,
  { isFair = true, tenant = 'a', most = Number.POSITIVE_INFINITY, floors = FLOORS } = {},
): Entry {
  const work = { input: cost, output: 0 }
  const share = isFair ? { tenant, weight: 1, work, counts: { input: 1, output: 2 } } : undefined
  return { ticket: tickets++, waiter: tenant, share, rank: { index, name: String(index), floors, most } }
}

/** Dispatches the first request, as the lines do. */
function dispatch(order: ClassOrder<Entry>) {
  const { first } = order
  if (first === undefined) return undefined
  const charge = order.begin(first.share, first.rank)
  order.remove(first)
  return { entry: first, charge }
}

const costOf = ({ share }: Entry) => share?.work.input ?? 1

type Step =
  | { readonly kind: 'arrive'; readonly index: number; readonly cost: number; readonly tenant: string }
  | { readonly kind: 'dispatch' }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('arrive' as const),
      index: fc.nat(2),
      cost: fc.integer({ min: 1, max: MAX_COST }),
      tenant: fc.constantFrom('a', 'b'),
    }),
    fc.record({ kind: fc.constant('dispatch' as const) }),
  ),
  { minLength: 50, maxLength: 400 },
)

/** Runs steps, and calls `check` after each dispatch with what each class got while it has been waiting. */
function run(
  all: readonly Step[],
  isFair: boolean,
  check: (index: number, own: number, total: number, isContested: boolean) => void,
) {
  const order = new ClassOrder<Entry>(() => 0)
  const waiting = [0, 0, 0]
  /** Since when a class waits: what it got, and what all got. */
  const since = [0, 0, 0].map(() => ({ own: 0, total: 0, contestedOwn: 0, contestedTotal: 0 }))
  for (const step of all) {
    if (step.kind === 'arrive') {
      if (waiting[step.index] === 0)
        since[step.index] = { own: 0, total: 0, contestedOwn: 0, contestedTotal: 0 }
      order.push(entry(step.index, isFair ? step.cost : 1, { isFair, tenant: step.tenant }))
      waiting[step.index] = (waiting[step.index] as number) + 1
      continue
    }
    const higherWaits = [1, 2].map((index) => waiting.slice(0, index).some((count) => count > 0))
    const dispatched = dispatch(order)
    if (dispatched === undefined) continue
    const { index } = dispatched.entry.rank
    const cost = costOf(dispatched.entry)
    for (const each of [1, 2]) {
      if (waiting[each] === 0) continue
      const sums = since[each] as (typeof since)[number]
      sums.total += cost
      sums.own += each === index ? cost : 0
      if (higherWaits[each - 1] === true) sums.contestedOwn += each === index ? cost : 0
      sums.contestedTotal += cost
    }
    waiting[index] = (waiting[index] as number) - 1
    for (const each of [1, 2]) {
      const { own, total, contestedOwn } = since[each] as (typeof since)[number]
      if ((waiting[each] as number) > 0) check(each, own, total, false)
      check(each, contestedOwn, total, true)
    }
  }
}

describe.each([true, false])('classes of requests, in fair shares: %s', (isFair) => {
  it('get their floor of the service while they wait, except for one request of each lower class', () => {
    fc.assert(
      fc.property(steps, (all) => {
        run(all, isFair, (index, own, total, isContested) => {
          if (!isContested)
            expect(own).toBeGreaterThan(
              (FLOORS[index] as number) * total - 2 * (isFair ? MAX_COST : 1) - 1e-9,
            )
        })
      }),
      { seed: SEED, numRuns: 150 },
    )
  })

  it('take no more than their floor from higher classes that wait', () => {
    fc.assert(
      fc.property(steps, (all) => {
        run(all, isFair, (index, own, total, isContested) => {
          if (isContested) expect(own).toBeLessThanOrEqual((FLOORS[index] as number) * total + 1e-9)
        })
      }),
      { seed: SEED, numRuns: 150 },
    )
  })

  it('say that a request must wait exactly if it would not be first', () => {
    fc.assert(
      fc.property(steps, fc.nat(2), fc.constantFrom(FLOORS, NO_FLOORS), (all, index, floors) => {
        const order = new ClassOrder<Entry>(() => 0)
        for (const step of all)
          if (step.kind === 'dispatch') dispatch(order)
          else order.push(entry(step.index, isFair ? step.cost : 1, { isFair, tenant: step.tenant, floors }))
        const last = entry(index, 3, { isFair, tenant: 'a', floors })
        const mustWait = order.precedes(last)
        order.push(last)
        // A small request may make the floor of its class due, which is only known once it waits.
        if (floors === NO_FLOORS || !mustWait) expect(order.first === last).toBe(!mustWait)
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('lose a place of a full line only to a higher class, the lowest class first', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { maxLength: 12 }), fc.nat(2), (indexes, index) => {
        const order = new ClassOrder<Entry>(() => 0)
        for (const each of indexes) order.push(entry(each, 1, { isFair, tenant: `t${each}` }))
        const newcomer = entry(index, 1, { isFair, tenant: 'new' })
        const size = { maxQueued: indexes.length, isPerClient: true }
        const displaced = order.displacedBy(newcomer, size)
        expect(order.isFullFor(newcomer, size)).toBe(displaced === undefined)
        const lowest = Math.max(-1, ...indexes)
        if (lowest > index) expect(displaced?.rank.index).toBe(lowest)
        else if (displaced !== undefined) expect(displaced.rank.index).toBe(index)
        expect(order.isFullFor(newcomer, { ...size, maxQueued: indexes.length + 1 })).toBe(false)
      }),
      { seed: SEED, numRuns: 300 },
    )
  })
})

it('work beyond the prediction counts for its class', () => {
  const order = new ClassOrder<Entry>(() => 0)
  order.push(entry(1, 10))
  for (let number = 0; number < 5; number++) order.push(entry(0, 10))
  const first = dispatch(order)
  expect(first?.entry.rank.index).toBe(0)
  // A fifth of what the first class got is the work of the request that waits.
  first?.charge.wrote(20)
  expect(order.first?.rank.index).toBe(1)
  first?.charge.takeBack()
  expect(order.first?.rank.index).toBe(0)
})

it('a lower class leaves slots to the first one, unless its floor is due', () => {
  const order = new ClassOrder<Entry>(() => 0)
  const low = () => entry(1, 1, { most: 2 })
  order.push(low())
  expect(order.mayStart(low())).toBe(true)
  dispatch(order)
  const second = low()
  order.push(second)
  dispatch(order)
  const third = low()
  order.push(third)
  expect(order.mayStart(third)).toBe(false)
  expect(order.mayStart(entry(0))).toBe(true)
  for (let number = 0; number < 5; number++) order.push(entry(0))
  for (let number = 0; number < 5; number++) dispatch(order)
  expect(order.first).toBe(third)
  expect(order.mayStart(third)).toBe(true)
})

it('forgets everything once nobody waits or is in flight', () => {
  let idle = 0
  const order = new ClassOrder<Entry>(
    () => 0,
    () => idle++,
  )
  order.push(entry(1))
  const running = dispatch(order)
  expect(idle).toBe(0)
  running?.charge.end()
  running?.charge.end()
  expect(idle).toBe(1)
  expect([order.length, order.first, order.last]).toEqual([0, undefined, undefined])
})
