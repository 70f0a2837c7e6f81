import type { State } from '../../algorithms/algorithm.js'
import { nextPenalty, type Penalty, penalizedVerdict, penaltyLeft } from '../../algorithms/penalty.js'
import { algorithmOf } from '../../algorithms/registry.js'
import { isNewBucket } from '../../algorithms/token-bucket.js'
import { judgingOrder, refuses } from '../enforcement.js'
import { type Charge, checkCharge, penaltyScopeOf, type StoreVerdict, startsPenalty } from '../store.js'
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
  /** Milliseconds until the penalty of the key ends; 0 if none runs. */
  readonly penaltyLeft: number
  /** True if a take of the request starts a penalty. */
  readonly startsPenalty: boolean
  readonly verdict: StoreVerdict
}

/** Judges the charges of one request together, for any algorithms and keys. */
export class Judgement {
  readonly admitted: boolean
  readonly #judged: JudgedCharge[]
  readonly #hasPenalties: boolean

  /** @throws TypeError, RangeError for a charge that cannot be counted. */
  constructor(
    private readonly states: StateTable,
    charges: readonly Charge[],
  ) {
    let penalties = 0
    for (const charge of charges) {
      checkCharge(charge)
      if (charge.penalty !== undefined) penalties++
    }
    this.#hasPenalties = penalties > 0
    states.begin()
    // A penalty may add a key of its own.
    states.collect(charges.length + penalties)
    this.#judged = judge(states, charges)
    this.admitted = !this.#judged.some(({ charge, verdict }) => refuses(charge, verdict))
  }

  /** Number of charges that are counted in a state shared by unknown keys. */
  get overflowed(): number {
    return this.#judged.reduce((count, { overflow }) => count + Number(overflow), 0)
  }

  /**
   * Takes the charges if they are admitted, stores the buckets of new keys, and starts the penalties
   * of charges that do not fit.
   */
  take(): void {
    for (const each of this.#judged) {
      const { charge, state, verdict } = each
      if (this.admitted && verdict.allowed && charge.cost > 0) this.#commit(each, charge.cost)
      else if (isNewBucket(state) && charge.cost > 0) this.#commit(each, 0)
    }
    if (!this.#hasPenalties) return
    for (const [position, each] of this.#judged.entries())
      if (each.startsPenalty) this.#judged[position] = this.#startPenalty(each)
  }

  verdicts(): StoreVerdict[] {
    const verdicts = new Array<StoreVerdict>(this.#judged.length)
    for (const { index, charge, state, penaltyLeft, verdict } of this.#judged) {
      // In a refused request, a charge that fits is not taken, and its verdict reports the
      // unchanged state.
      const untaken = !this.admitted && verdict.allowed && penaltyLeft === 0
      verdicts[index] = untaken
        ? { ...verdict, ...algorithmOf(charge.limit).judge(charge.limit, state, 0) }
        : verdict
    }
    return verdicts
  }

  /** Starts the penalty of a key. A full store adds no key for it. */
  #startPenalty(judged: JudgedCharge): JudgedCharge {
    const { states } = this
    const { charge, verdict } = judged
    const scope = states.scope(penaltyScopeOf(charge.scope))
    const slot = states.find(scope, charge.key)
    if (slot === 0 && states.room <= 0) return judged
    const counts = slot === 0 ? [] : states.read(slot).counts
    // An earlier charge of the same request may have started the penalty.
    let left = penaltyLeft(counts, states.now)
    if (left === 0) {
      const { limit, cost } = nextPenalty(charge.penalty as Penalty, counts, states.now)
      if (slot === 0) states.takeNew(scope, charge.key, undefined, limit, cost, '')
      else states.take(slot, limit, cost, '')
      left = limit.limit
    }
    return { ...judged, penaltyLeft: left, verdict: penalizedVerdict(verdict, left, charge.cost) }
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
    const { judge } = algorithmOf(charge.limit)
    const verdict = judge(charge.limit, state, cost)
    const left = charge.penalty === undefined ? 0 : runningPenalty(states, charge)
    const untaken = left > 0 && verdict.allowed ? judge(charge.limit, state, 0) : verdict
    const current = left > 0 ? penalizedVerdict(untaken, left, charge.cost) : verdict
    judged.push({
      index,
      charge,
      scope,
      ref,
      overflow,
      state,
      penaltyLeft: left,
      startsPenalty: left === 0 && !verdict.allowed && startsPenalty(charge),
      verdict: overflow ? { ...current, overflow } : current,
    })
  }
  return judged
}

/** Returns the milliseconds until the penalty of a charge's key ends; 0 if none runs. */
function runningPenalty(states: StateTable, { scope, key }: Charge): number {
  const slot = states.find(states.scope(penaltyScopeOf(scope)), key)
  if (slot === 0) return 0
  states.refresh(slot)
  return penaltyLeft(states.read(slot).counts, states.now)
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
