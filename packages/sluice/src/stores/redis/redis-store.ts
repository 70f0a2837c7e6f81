import { checkCost } from '../../limits/check-limit.js'
import {
  type Charge,
  checkLease,
  type MaybePromise,
  type Settlement,
  type Store,
  type StoreVerdict,
} from '../store.js'
import { Batches } from './batches.js'
import { ServerTime } from './calendar-borders.js'
import type { Connection } from './redis-connection.js'
import { storeKey } from './redis-key.js'
import type { ScriptResult } from './script-result.js'
import { slotOf } from './slot.js'

export interface RedisStore extends Store {
  /** A promise, but where the request is known to be still refused: that is answered at once. */
  take(charges: readonly Charge[]): MaybePromise<StoreVerdict[]>
  peek(charges: readonly Charge[]): Promise<StoreVerdict[]>
  settle(settlements: readonly Settlement[]): Promise<void>
  reset(scope: string, key: string): Promise<void>
  close(): Promise<void>
}

/** What of a request lies in one slot: the places of its charges in the request. */
interface Part {
  readonly slot: number
  readonly places: readonly number[]
}

/** The store over a connection. `now`: a time for the script instead of the server's own, for tests. */
export class ScriptStore implements RedisStore {
  readonly #time: ServerTime
  readonly #batches: Batches

  constructor(
    private readonly connection: Connection,
    private readonly prefix: string,
    now?: () => number,
  ) {
    this.#time = new ServerTime(now)
    this.#batches = new Batches(connection, prefix, this.#time)
  }

  take(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    return this.#decide('take', charges, (parts) => this.#takeFromSeveral(charges, parts))
  }

  peek(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    return this.#decide('peek', charges, async (parts) => {
      const found = await Promise.all(parts.map((part) => this.#find('peek', charges, part)))
      return verdictsOn(charges, inOrder(parts, found))
    })
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    for (const { charge, taken, cost } of settlements) {
      this.#check({ ...charge, lease: '', cost })
      // What is owed without measure is never over: `resetAfter` may be infinite.
      if (!Number.isFinite(taken.cost + taken.at) || Number.isNaN(taken.resetAfter))
        throw new TypeError('a settlement says the cost, at and resetAfter of what was taken, as numbers')
    }
    await this.#settle(settlements)
  }

  async reset(scope: string, key: string): Promise<void> {
    checkNames({ scope, key })
    await new Promise((resolve, reject) => {
      const slot = this.#slotOf({ scope, key })
      this.#batches.add({ operation: 'reset', charges: [{ scope, key }], asked: 0, resolve, reject }, slot)
    })
  }

  async close(): Promise<void> {
    await this.connection.close()
  }

  /** Decides on a request: in one piece, or where its charges lie in several slots by these parts. */
  #decide(
    operation: 'take' | 'peek',
    charges: readonly Charge[],
    inParts: (parts: readonly Part[]) => Promise<StoreVerdict[]>,
  ): Promise<StoreVerdict[]> {
    return new Promise((answer, reject) => {
      for (const charge of charges) this.#check(charge)
      const slot = this.#onlySlotOf(charges)
      if (charges.length === 0) answer([])
      else if (slot === undefined) answer(inParts(this.#partsOf(charges)))
      else {
        const resolve = (findings: readonly ScriptResult[]) => answer(verdictsOn(charges, findings))
        this.#batches.add({ operation, charges, asked: 0, resolve, reject }, slot)
      }
    })
  }

  #find(
    operation: 'take' | 'peek',
    charges: readonly Charge[],
    part: Part,
  ): Promise<readonly ScriptResult[]> {
    return new Promise((resolve, reject) => {
      this.#batches.add({ operation, charges: at(part, charges), asked: 0, resolve, reject }, part.slot)
    })
  }

  async #takeFromSeveral(charges: readonly Charge[], parts: readonly Part[]): Promise<StoreVerdict[]> {
    const answers = await Promise.allSettled(parts.map((part) => this.#find('take', charges, part)))
    const found = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const failed = answers.find((answer) => answer.status === 'rejected')
    const verdicts = failed === undefined ? verdictsOn(charges, inOrder(parts, found)) : []
    if (failed === undefined && admits(charges, verdicts)) return verdicts
    // What one slot took, because its own charges fitted, is given back. The decision stands either way: what cannot be
    // given back now comes back with time.
    const taken = parts.flatMap((part, index) =>
      takenBy(at(part, charges), found[index] as readonly ScriptResult[]),
    )
    await this.#settle(taken).catch(() => {})
    if (failed !== undefined) throw failed.reason
    return verdicts
  }

  async #settle(settlements: readonly Settlement[]): Promise<void> {
    const charges = settlements.map(({ charge, taken, cost }) => ({ ...charge, cost, lease: taken.lease }))
    const parts = this.#partsOf(charges)
    await Promise.all(
      parts.map((part) => {
        const taken = at(part, settlements).map((settlement) => settlement.taken)
        return new Promise((resolve, reject) => {
          this.#batches.add(
            { operation: 'settle', charges: at(part, charges), taken, asked: 0, resolve, reject },
            part.slot,
          )
        })
      }),
    )
  }

  /** One charge that cannot be counted would fail the others of its call. */
  #check(charge: Charge): void {
    const { limit, cost } = charge
    checkNames(charge)
    checkCost(limit, cost)
    checkLease(charge)
    const period = limit.algorithm === 'concurrency' ? limit.lease : limit.period
    const burst = limit.algorithm === 'token-bucket' ? limit.burst : 0
    if (!Number.isFinite(limit.limit + period + burst))
      throw new TypeError('a limit is made of numbers that are finite')
    this.#time.bordersOf(limit)
  }

  /** The slot that all charges lie in; undefined where there are several. */
  #onlySlotOf(charges: readonly Charge[]): number | undefined {
    const [first] = charges
    if (!this.connection.cluster || first === undefined) return 0
    const slot = this.#slotOf(first)
    return charges.every((charge) => this.#slotOf(charge) === slot) ? slot : undefined
  }

  #partsOf(charges: readonly Charge[]): Part[] {
    const parts = new Map<number, number[]>()
    charges.forEach((charge, index) => {
      const slot = this.#slotOf(charge)
      const part = parts.get(slot)
      if (part === undefined) parts.set(slot, [index])
      else part.push(index)
    })
    return [...parts].map(([slot, places]) => ({ slot, places }))
  }

  /** Always the same where there are no slots. */
  #slotOf({ scope, key }: Pick<Charge, 'scope' | 'key'>): number {
    if (!this.connection.cluster) return 0
    return slotOf(this.connection.keyPrefix + storeKey(this.prefix, scope, key))
  }
}

function checkNames({ scope, key }: Pick<Charge, 'scope' | 'key'>): void {
  if (typeof scope !== 'string' || typeof key !== 'string')
    throw new TypeError('a scope and a key are strings')
}

/** The verdicts on a request that was decided in one piece. */
function verdictsOn(charges: readonly Charge[], findings: readonly ScriptResult[]): StoreVerdict[] {
  const verdicts = findings.map((finding) => finding.verdict())
  return admits(charges, verdicts) ? verdicts : findings.map((finding) => finding.untakenVerdict())
}

/** What the script took, as it is given back. */
function takenBy(charges: readonly Charge[], findings: readonly ScriptResult[]): Settlement[] {
  const verdicts = findings.map((finding) => finding.verdict())
  if (findings.length === 0 || !admits(charges, verdicts)) return []
  return charges.flatMap((charge, index) => {
    const { allowed, at, resetAfter } = verdicts[index] as StoreVerdict
    const taken = { cost: charge.cost, at, resetAfter, lease: charge.lease }
    return allowed && charge.cost > 0 ? [{ charge, taken, cost: 0 }] : []
  })
}

function admits(charges: readonly Charge[], verdicts: readonly StoreVerdict[]): boolean {
  return charges.every(({ enforce }, index) => verdicts[index]?.allowed || enforce === false)
}

/** Of the charges of a request, or of what goes with each, those of a part. */
function at<T>({ places }: Part, all: readonly T[]): readonly T[] {
  return places.length === all.length ? all : places.map((place) => all[place] as T)
}

/** What was found in the parts, in the order of the charges. */
function inOrder(parts: readonly Part[], found: readonly (readonly ScriptResult[])[]): ScriptResult[] {
  const all: ScriptResult[] = []
  parts.forEach(({ places }, index) => {
    places.forEach((place, line) => {
      all[place] = found[index]?.[line] as ScriptResult
    })
  })
  return all
}
