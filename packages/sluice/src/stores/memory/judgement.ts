import type { State } from '../../algorithms/algorithm.js'
import { algorithmOf } from '../../algorithms/registry.js'
import { isNewBucket } from '../../algorithms/token-bucket.js'
import { judgingOrder, refuses } from '../enforcement.js'
import { type Charge, checkCharge, type StoreVerdict } from '../store.js'
import type { Scope, StateRef, StateTable } from './state-table.js'

/** A charge that has been judged. */
interface JudgedCharge {
  /** Index of the charge in the request. */
  readonly index: number
  readonly charge: Charge
  readonly scope: Scope
  /** Undefined for a key without state. */
  readonly ref: StateRef | undefined
  readonly overflow: boolean
  /** Current state under the charge's limit. */
  readonly state: State
  readonly verdict: StoreVerdict
}

/** Judges the charges of one request together, for any algorithms and keys. */
export class Judgement {
  readonly admitted: boolean
  readonly #judged: readonly JudgedCharge[]

  /** @throws TypeError, RangeError for a charge that cannot be counted. */
  constructor(
    private readonly states: StateTable,
    charges: readonly Charge[],
  ) {
    charges.forEach(checkCharge)
    states.begin()
    states.collect(charges.length)
    this.#judged = judge(states, charges)
    this.admitted = !this.#judged.some(({ charge, verdict }) => refuses(charge, verdict))
  }

  /** Number of charges that are counted in a state shared by unknown keys. */
  get overflowed(): number {
    return this.#judged.reduce((count, { overflow }) => count + Number(overflow), 0)
  }

  /** Takes the charges if they are admitted, and stores the buckets of new keys. */
  take(): void {
    for (const each of this.#judged) {
      const { charge, state, verdict } = each
      if (this.admitted && verdict.allowed && charge.cost > 0) this.#commit(each, charge.cost)
      else if (isNewBucket(state) && charge.cost > 0) this.#commit(each, 0)
    }
  }

  verdicts(): StoreVerdict[] {
    const verdicts = new Array<StoreVerdict>(this.#judged.length)
    for (const { index, charge, state, verdict } of this.#judged) {
      // In a refused request, a charge that fits is not taken, and its verdict reports the
      // unchanged state.
      const untaken = !this.admitted && verdict.allowed
      verdicts[index] = untaken
        ? { ...verdict, ...algorithmOf(charge.limit).judge(charge.limit, state, 0) }
        : verdict
    }
    return verdicts
  }

  #commit({ charge, scope, ref, overflow }: JudgedCharge, cost: number): void {
    const { states } = this
    const { key, limit, lease = '' } = charge
    // An earlier charge of the same request may have created the state.
    const current = ref ?? (overflow ? scope.overflow : states.find(scope, key) || undefined)
    if (current !== undefined) states.take(current, limit, cost, lease)
    else if (overflow) states.takeNewShared(scope, limit, cost, lease)
    else states.takeNew(scope, key, states.shared(scope), limit, cost, lease)
  }
}

function judge(states: StateTable, charges: readonly Charge[]): JudgedCharge[] {
  const judged: JudgedCharge[] = []
  let { room } = states
  for (const index of judgingOrder(charges)) {
    const charge = charges[index] as Charge
    const scope = states.scope(charge.scope)
    const own = states.find(scope, charge.key) || undefined
    const earlier = own === undefined ? findSameKey(judged, charge) : undefined
    const overflow = own === undefined && (earlier?.overflow ?? room <= 0)
    if (own === undefined && earlier === undefined && charge.cost > 0) room--
    const shared = own === undefined ? states.shared(scope) : undefined
    const ref = overflow ? shared : own
    const source = ref ?? shared
    if (source !== undefined) states.refresh(source)
    const state = states.currentState(source, charge.limit)
    const cost = charge.cost + (charge.cost > 0 ? takenBefore(judged, charge, overflow) : 0)
    const verdict = algorithmOf(charge.limit).judge(charge.limit, state, cost)
    judged.push({
      index,
      charge,
      scope,
      ref,
      overflow,
      state,
      verdict: overflow ? { ...verdict, overflow } : verdict,
    })
  }
  return judged
}

/** Returns an earlier charge of the same request to the same key. */
function findSameKey(judged: readonly JudgedCharge[], { scope, key }: Charge): JudgedCharge | undefined {
  return judged.find(({ charge }) => charge.cost > 0 && charge.key === key && charge.scope === scope)
}

/** Returns the units that earlier charges of the same request take from the same state. */
function takenBefore(judged: readonly JudgedCharge[], charge: Charge, overflow: boolean): number {
  let cost = 0
  for (const earlier of judged) {
    if (!earlier.verdict.allowed || earlier.charge.scope !== charge.scope || earlier.overflow !== overflow)
      continue
    if (overflow || earlier.charge.key === charge.key) cost += earlier.charge.cost
  }
  return cost
}
