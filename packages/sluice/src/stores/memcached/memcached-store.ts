import { checkCost } from '../../limits/check-limit.js'
import { type Charge, checkLease, type Settlement, type Store, type StoreVerdict } from '../store.js'
import { decide, type Outcome } from './decide.js'
import type { Connection } from './memcached-connection.js'
import { storeKey } from './memcached-key.js'
import { PerKeyQueue } from './per-key-queue.js'
import type { DecisionClock } from './server-clock.js'

export interface MemcachedStore extends Store {
  take(charges: readonly Charge[]): Promise<StoreVerdict[]>
  peek(charges: readonly Charge[]): Promise<StoreVerdict[]>
  settle(settlements: readonly Settlement[]): Promise<void>
  reset(scope: string, key: string): Promise<void>
  close(): Promise<void>
}

/** What of a request lies on one key. */
interface Part {
  readonly key: string
  /** The places of its charges in the request, and the charges. */
  readonly places: readonly number[]
  readonly charges: readonly Charge[]
}

/** The store over a connection. */
export class CasStore implements MemcachedStore {
  readonly #queues: PerKeyQueue

  constructor(
    private readonly connection: Connection,
    private readonly prefix: string,
    clock: DecisionClock,
  ) {
    this.#queues = new PerKeyQueue(connection, clock)
  }

  async take(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    const parts = this.#partsOf(checked(charges))
    const [only] = parts
    if (only !== undefined && parts.length === 1) {
      const { admitted, taken, untaken } = await this.#decide(only, true)
      return [...(admitted ? taken : untaken)]
    }
    // Most refusals show here, where nothing has to be given back.
    const outcomes = await Promise.all(parts.map((part) => this.#decide(part, false)))
    if (!outcomes.every(({ admitted }) => admitted)) return gathered(parts, outcomes, 'untaken')
    const admitted = await this.#takeInTurn(parts, outcomes)
    return gathered(parts, outcomes, admitted ? 'taken' : 'untaken')
  }

  async peek(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    const parts = this.#partsOf(checked(charges))
    const outcomes = await Promise.all(parts.map((part) => this.#decide(part, false)))
    const admitted = outcomes.every((outcome) => outcome.admitted)
    return gathered(parts, outcomes, admitted ? 'taken' : 'untaken')
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    for (const { charge, cost } of settlements) checkCost(charge.limit, cost)
    const parts = this.#partsOf(settlements.map(({ charge }) => charge))
    await Promise.all(
      parts.map(({ key, places }) =>
        this.#queues.ask(key, (working) => {
          for (const place of places) {
            const { charge, taken, cost } = settlements[place] as Settlement
            working.settle(charge.limit, taken, cost)
          }
        }),
      ),
    )
  }

  async reset(scope: string, key: string): Promise<void> {
    await this.connection.delete(storeKey(this.prefix, scope, key))
  }

  async close(): Promise<void> {
    await this.connection.close()
  }

  /**
   * Takes from one key after the other and gives back what was taken as soon as one refuses or fails. Puts the outcomes
   * of the taking in their places, and says whether all was taken.
   *
   * Every request goes through its keys in the same order, that of their names. Else two that want the same two keys
   * could each take one and be refused at the other. Keys with shadow charges alone come last: none of them refuses.
   */
  async #takeInTurn(parts: readonly Part[], outcomes: Outcome[]): Promise<boolean> {
    const turns = [...parts.keys()].sort((a, b) => compareTurns(parts[a] as Part, parts[b] as Part))
    const done: Settlement[] = []
    try {
      for (const turn of turns) {
        const part = parts[turn] as Part
        if (part.charges.every(({ cost }) => cost === 0)) continue
        const outcome = await this.#decide(part, true)
        outcomes[turn] = outcome
        if (!outcome.admitted) {
          await this.#giveBack(done)
          return false
        }
        done.push(...refundsOf(part, outcome))
      }
      return true
    } catch (error) {
      await this.#giveBack(done)
      throw error
    }
  }

  async #giveBack(refunds: readonly Settlement[]): Promise<void> {
    // The decision stands either way; what cannot be given back now comes back with time.
    await this.settle(refunds).catch(() => {})
  }

  #decide({ key, charges }: Part, takes: boolean): Promise<Outcome> {
    return this.#queues.ask(key, (working) => decide(working, charges, takes))
  }

  /** The charges by key, each key where it comes first. */
  #partsOf(charges: readonly Charge[]): Part[] {
    const parts = new Map<string, { key: string; places: number[]; charges: Charge[] }>()
    charges.forEach((charge, place) => {
      const key = storeKey(this.prefix, charge.scope, charge.key)
      const part = parts.get(key)
      if (part === undefined) parts.set(key, { key, places: [place], charges: [charge] })
      else {
        part.places.push(place)
        part.charges.push(charge)
      }
    })
    return [...parts.values()]
  }
}

function gathered(
  parts: readonly Part[],
  outcomes: readonly Outcome[],
  which: 'taken' | 'untaken',
): StoreVerdict[] {
  const verdicts: StoreVerdict[] = []
  parts.forEach(({ places }, index) => {
    places.forEach((place, line) => {
      verdicts[place] = outcomes[index]?.[which][line] as StoreVerdict
    })
  })
  return verdicts
}

/** The settlements that undo what was taken. */
function refundsOf({ charges }: Part, { taken }: Outcome): Settlement[] {
  return charges.flatMap((charge, line) => {
    const { allowed, at, resetAfter } = taken[line] as StoreVerdict
    const { cost, lease } = charge
    return allowed && cost > 0 ? [{ charge, taken: { cost, at, resetAfter, lease }, cost: 0 }] : []
  })
}

function compareTurns(a: Part, b: Part): number {
  const shadow = ({ charges }: Part) => Number(charges.every(({ enforce }) => enforce === false))
  return shadow(a) - shadow(b) || (a.key < b.key ? -1 : 1)
}

function checked(charges: readonly Charge[]): readonly Charge[] {
  for (const charge of charges) {
    checkCost(charge.limit, charge.cost)
    checkLease(charge)
  }
  return charges
}
