import type { State } from '../../algorithms/algorithm.js'
import { algorithmOf } from '../../algorithms/registry.js'
import { checkCost } from '../../limits/check-limit.js'
import { type Charge, checkLease, type StoreVerdict } from '../store.js'
import type { Outcome } from '../synchronous-store.js'
import type { Place, Scope, StateTable } from './state-table.js'

/** A charge on its way through a decision. */
interface Pending {
  /** Its place in the request. */
  readonly index: number
  readonly charge: Charge
  readonly scope: Scope
  /** None for a key of which nothing is kept. */
  readonly place: Place | undefined
  readonly overflow: boolean
  /** Advanced to now, under the charge's limit. */
  readonly state: State
  readonly verdict: StoreVerdict
}

/** The charges of one request, judged together: whether they are let in, and what that takes. Any algorithms, any keys. */
export class Judgement implements Outcome {
  readonly admitted: boolean
  readonly #pending: readonly Pending[]

  /** @throws TypeError, RangeError for a charge that cannot be counted */
  constructor(
    private readonly states: StateTable,
    charges: readonly Charge[],
  ) {
    for (const charge of charges) {
      checkCost(charge.limit, charge.cost)
      checkLease(charge)
    }
    states.begin()
    states.collect(charges.length)
    this.#pending = judge(states, charges)
    this.admitted = this.#pending.every(({ charge, verdict }) => verdict.allowed || charge.enforce === false)
  }

  /** How many of the charges are counted for all unknown keys together. */
  get overflowed(): number {
    return this.#pending.reduce((count, { overflow }) => count + Number(overflow), 0)
  }

  /** Takes what is admitted. */
  take(): void {
    if (!this.admitted) return
    for (const each of this.#pending) if (each.verdict.allowed && each.charge.cost > 0) this.#commit(each)
  }

  verdicts(): StoreVerdict[] {
    const verdicts = new Array<StoreVerdict>(this.#pending.length)
    for (const { index, charge, state, verdict } of this.#pending) {
      // One that fits but was not taken, because another did not: what is left is what there was.
      const untaken = !this.admitted && verdict.allowed
      verdicts[index] = untaken
        ? { ...verdict, ...algorithmOf(charge.limit).judge(charge.limit, state, 0) }
        : verdict
    }
    return verdicts
  }

  #commit({ charge, scope, place, overflow }: Pending): void {
    const { states } = this
    const { key, limit, cost, lease = '' } = charge
    // An earlier charge of the same request may have found it a place.
    const current = place ?? (overflow ? scope.overflow : states.find(scope, key) || undefined)
    if (current !== undefined) states.take(current, limit, cost, lease)
    else if (overflow) states.takeFirstShared(scope, limit, cost, lease)
    else states.takeFirst(scope, key, states.shared(scope), limit, cost, lease)
  }
}

function judge(states: StateTable, charges: readonly Charge[]): Pending[] {
  const pending: Pending[] = []
  let { room } = states
  for (const index of judgingOrder(charges)) {
    const charge = charges[index] as Charge
    const scope = states.scope(charge.scope)
    const own = states.find(scope, charge.key) || undefined
    const earlier = own === undefined ? sameKey(pending, charge) : undefined
    const overflow = own === undefined && (earlier?.overflow ?? room <= 0)
    if (own === undefined && earlier === undefined && charge.cost > 0) room--
    const shared = own === undefined ? states.shared(scope) : undefined
    const place = overflow ? shared : own
    const judged = place ?? shared
    if (judged !== undefined) states.notice(judged)
    const state = states.stateNow(judged, charge.limit)
    const cost = charge.cost + (charge.cost > 0 ? takenBefore(pending, charge, overflow) : 0)
    const verdict = algorithmOf(charge.limit).judge(charge.limit, state, cost)
    pending.push({
      index,
      charge,
      scope,
      place,
      overflow,
      state,
      verdict: overflow ? { ...verdict, overflow } : verdict,
    })
  }
  return pending
}

/** The places of the charges in the order of judging: a shadow charge takes only what the enforced ones leave. */
function judgingOrder(charges: readonly Charge[]): Iterable<number> {
  if (!charges.some(({ enforce }) => enforce === false)) return charges.keys()
  const order = [...charges.keys()]
  const isShadow = (index: number) => Number(charges[index]?.enforce === false)
  return order.sort((a, b) => isShadow(a) - isShadow(b))
}

/** An earlier charge of the same request for the same key. */
function sameKey(pending: readonly Pending[], { scope, key }: Charge): Pending | undefined {
  return pending.find(({ charge }) => charge.cost > 0 && charge.key === key && charge.scope === scope)
}

/** What earlier charges of the same request take from the same state. */
function takenBefore(pending: readonly Pending[], charge: Charge, overflow: boolean): number {
  let cost = 0
  for (const earlier of pending) {
    if (!earlier.verdict.allowed || earlier.charge.scope !== charge.scope || earlier.overflow !== overflow)
      continue
    if (overflow || earlier.charge.key === charge.key) cost += earlier.charge.cost
  }
  return cost
}
