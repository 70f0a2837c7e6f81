import fc from 'fast-check'
import { expect } from 'vitest'
import { createLimiter, type Limiter } from '../../src/limiter/limiter.js'
import type { Permit } from '../../src/limiter/permit.js'
import { formatMoney } from '../../src/limits/money.js'
import type { Client } from '../../src/rules/client.js'
import type { Store } from '../../src/stores/store.js'
import { type ManualClock, manualClock } from '../../src/time/clock.js'

/** The rules, from the largest pool to the client itself. */
const LEVELS = ['client.org', 'client.team', 'client'] as const

/** The factors that tiers apply, as fractions. */
const TIERS = { half: [1n, 2n], pro: [3n, 2n], max: [7n, 1n] } as const
const FACTORS = { half: 0.5, pro: 1.5, max: 7 } as const satisfies Record<keyof typeof TIERS, number>

const CLIENTS = ['a', 'b', 'c', 'd', 'e', 'f'].map((id, index): Client & { readonly tier?: string } => {
  const labels = { org: `org-${index % 2}`, team: `team-${index % 3}` }
  const tier = ([undefined, ...Object.keys(TIERS)] as const)[index % 4]
  return tier === undefined ? { id, labels } : { id, labels, tier }
})

type Step =
  | { readonly does: 'admit'; readonly client: number; readonly cost: number; readonly worker: number }
  | { readonly does: 'settle'; readonly which: number; readonly cost: number }
  | { readonly does: 'refund' | 'cancel'; readonly which: number }
  | { readonly does: 'wait'; readonly milliseconds: number }

/** Random calls under limits on the money of an organization, its teams and their clients. */
export interface MoneyTrace {
  /** Units by level. */
  readonly limits: readonly number[]
  /** Milliseconds by level. */
  readonly periods: readonly number[]
  /** Units that each number of a limit and a cost stands for. */
  readonly scale: number
  /** Limiters that share the state, as those of several workers do. */
  readonly workers: number
  readonly steps: readonly Step[]
}

const client = fc.nat(CLIENTS.length - 1)
const cost = fc.oneof(fc.nat(4), fc.nat(20))
const which = fc.nat(8)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({ does: fc.constant('admit' as const), client, cost, worker: fc.nat(2) }),
    weight: 6,
  },
  { arbitrary: fc.record({ does: fc.constant('settle' as const), which, cost }), weight: 3 },
  { arbitrary: fc.record({ does: fc.constantFrom('refund' as const, 'cancel' as const), which }), weight: 1 },
  {
    arbitrary: fc.record({
      does: fc.constant('wait' as const),
      milliseconds: fc.oneof(fc.nat(300), fc.nat(5000)),
    }),
    weight: 1,
  },
)
const period = fc.constantFrom(1000, 3000, 86_400_000)

export const moneyTraces: fc.Arbitrary<MoneyTrace> = fc.record({
  limits: fc.tuple(
    fc.integer({ min: 5, max: 60 }),
    fc.integer({ min: 5, max: 40 }),
    fc.integer({ min: 1, max: 20 }),
  ),
  periods: fc.tuple(period, period, period),
  scale: fc.constantFrom(1, 7, 333_333_333, 10_000_000_000_003),
  workers: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(step, { minLength: 20, maxLength: 60 }),
})

/** What one key has used in its window, which opens with the first use. */
class KeyModel {
  #start = Number.NEGATIVE_INFINITY
  #used = 0n
  /** The units of open calls, by when they were reserved. Each is rounded up to millionths. */
  readonly reserved = new Set<{ readonly at: number; readonly units: bigint }>()
  /** True once a call has cost more than reserved after its window. Reservations are then uncertain. */
  isUncertain = false

  constructor(private readonly period: number) {}

  used(now: number): bigint {
    return now < this.#start + this.period ? this.#used : 0n
  }

  add(now: number, units: bigint): void {
    if (units === 0n) return
    if (this.used(now) === 0n) {
      this.#start = now
      this.#used = 0n
    }
    this.#used += units
  }

  /** Reports whether units that were added at a time still count. */
  counts(now: number, addedAt: number): boolean {
    return this.used(now) > 0n && addedAt >= this.#start
  }

  /** Returns units that were added at a time, unless their window is over. */
  subtract(now: number, units: bigint, addedAt: number): void {
    if (!this.counts(now, addedAt)) return
    this.#used = this.#used > units ? this.#used - units : 0n
  }
}

/** A slow model of three limits that one decision applies, in BigInt. */
class LevelsModel {
  readonly #keys = new Map<string, KeyModel>()

  constructor(private readonly trace: MoneyTrace) {}

  /** Returns the units that a client may use at a level. Only its own limit depends on its tier. */
  capacity(level: number, { tier }: Client): bigint {
    const units = BigInt(this.trace.limits[level] as number) * BigInt(this.trace.scale)
    if (LEVELS[level] !== 'client' || tier === undefined) return units
    const [numerator, denominator] = TIERS[tier as keyof typeof TIERS]
    const scaled = (units * numerator) / denominator
    return scaled > 0n ? scaled : 1n
  }

  key(level: number, { id, labels }: Client): KeyModel {
    const name = [labels?.org, labels?.team, id][level] as string
    const known = this.#keys.get(`${level} ${name}`) ?? new KeyModel(this.trace.periods[level] as number)
    this.#keys.set(`${level} ${name}`, known)
    return known
  }

  /** Returns the levels that refuse a cost. */
  refusing(caller: Client, units: bigint, now: number): readonly string[] {
    return LEVELS.filter(
      (_, level) => units > 0n && this.key(level, caller).used(now) + units > this.capacity(level, caller),
    )
  }
}

interface OpenCall {
  readonly caller: Client
  readonly units: bigint
  readonly at: number
  /** By store. */
  readonly permits: readonly Permit[]
}

interface Call {
  readonly client: Client
  readonly units: number
}

/**
 * Plays a trace on several stores, and checks each decision, and the use of every client after each
 * refusal, against the model.
 *
 * @param makeStores creates empty stores with the time of a clock. They are closed at the end
 */
export async function playMoney(
  trace: MoneyTrace,
  makeStores: (clock: ManualClock) => readonly Store[],
): Promise<void> {
  const clock = manualClock(1_000_000)
  const stores = makeStores(clock)
  const limiters = stores.map((store) =>
    Array.from({ length: trace.workers }, () => limiterOn(sharedBy(store), trace)),
  )
  const model = new LevelsModel(trace)
  const open: OpenCall[] = []
  const now = () => clock.now()
  const scaled = (units: number) => units * trace.scale
  try {
    for (const each of trace.steps) {
      if (each.does === 'wait') clock.advance(each.milliseconds)
      else if (each.does === 'admit') await admit(each)
      else await settle(each)
    }
    await expectUse(CLIENTS)
  } finally {
    for (const store of stores) await store.close()
  }

  async function admit({ client: index, cost: units, worker }: Step & { does: 'admit' }): Promise<void> {
    const caller = CLIENTS[index] as Client
    const call = { client: caller, units: scaled(units) }
    const refusing = model.refusing(caller, BigInt(call.units), now())
    const permits: Permit[] = []
    for (const ofStore of limiters) {
      const decision = await (ofStore[worker % ofStore.length] as Limiter<Call>).admit(call)
      if (decision.allowed) permits.push(decision.permit)
      else expect(new Set(decision.refusal.violated)).toEqual(new Set(refusing))
    }
    expect(permits).toHaveLength(refusing.length === 0 ? stores.length : 0)
    if (refusing.length > 0) return expectUse(CLIENTS)
    const admitted = { caller, units: BigInt(call.units), at: now(), permits }
    for (const level of LEVELS.keys()) {
      const key = model.key(level, caller)
      key.add(now(), admitted.units)
      key.reserved.add(admitted)
    }
    open.push(admitted)
    await expectUse([caller])
  }

  async function settle(each: Step & { does: 'settle' | 'refund' | 'cancel' }): Promise<void> {
    const [call] = open.splice(each.which, 1)
    if (call === undefined) return
    const cost = each.does === 'settle' ? scaled(each.cost) : 0
    for (const permit of call.permits)
      await (each.does === 'settle' ? permit.settle({ money: cost }) : permit[each.does]())
    const more = BigInt(cost) - call.units
    for (const level of LEVELS.keys()) {
      const key = model.key(level, call.caller)
      key.reserved.delete(call)
      if (more > 0n && !key.counts(now(), call.at)) key.isUncertain = true
      if (more > 0n) key.add(now(), more)
      else key.subtract(now(), -more, call.at)
    }
    await expectUse([call.caller])
  }

  async function expectUse(callers: readonly Client[]): Promise<void> {
    for (const caller of callers) {
      const expected = LEVELS.map((rule, level) => {
        const key = model.key(level, caller)
        const [capacity, used] = [model.capacity(level, caller), key.used(now())]
        const left = used < capacity ? capacity - used : 0n
        return {
          rule,
          used: Number(capacity - left),
          left: Number(left),
          reserved: reservedOf(key, capacity - left),
        }
      })
      for (const [limiter] of limiters) {
        const { rules } = await (limiter as Limiter<Call>).usage({ client: caller, units: 0 })
        expect(rules).toMatchObject(expected)
        expect(rules).toHaveLength(expected.length)
      }
    }
  }

  function reservedOf(key: KeyModel, used: bigint): unknown {
    if (key.isUncertain) return expect.any(Number)
    const open = [...key.reserved].filter(({ at }) => key.counts(now(), at))
    const reserved = open.reduce((sum, { units }) => sum + ((units + 999n) / 1000n) * 1000n, 0n)
    return Number(reserved < used ? reserved : used)
  }
}

function limiterOn(store: Store, { limits, periods, scale }: MoneyTrace): Limiter<Call> {
  return createLimiter<Call>({
    store,
    name: 'levels',
    client: ({ client: caller }) => caller,
    tiers: FACTORS,
    rules: LEVELS.map((by, level) => ({
      ...{ name: by, by, of: 'money' },
      limit: `${formatMoney((limits[level] as number) * scale, 'USD')}/${periods[level]} ms`,
      cost: ({ units }) => units,
    })),
  })
}

/** Returns a view of a store for one of the limiters that share it. */
function sharedBy(store: Store): Store {
  return {
    take: (charges) => store.take(charges),
    peek: (charges) => store.peek(charges),
    settle: (settlements) => store.settle(settlements),
    reset: (scope, key) => store.reset(scope, key),
    close: () => {},
  }
}
