import { algorithmOf } from '../../../src/algorithms/registry.js'
import { isNewBucket } from '../../../src/algorithms/token-bucket.js'
import {
  type Count,
  countsAfterSettlement,
  countsAfterTake,
  countsIdleAfter,
  countsNow,
  isClockSetBack,
  stateUnder,
} from '../../../src/algorithms/usage-counts.js'
import { hasCompatibleState, type Limit, usesWallTime } from '../../../src/limits/limit.js'
import type { Charge, Settlement, StoreVerdict } from '../../../src/stores/store.js'

/**
 * Reference implementation of the script in TypeScript. It stores exactly what the script stores:
 * the results of takes and settlements, and adjustments to a clock that was set back.
 */
export class ReferenceStore {
  now = 0
  readonly #counts = new Map<string, readonly Count[]>()
  readonly #changed = new Set<string>()

  take(charges: readonly Charge[]): StoreVerdict[] {
    return this.#decide(charges, true)
  }

  peek(charges: readonly Charge[]): StoreVerdict[] {
    return this.#decide(charges, false)
  }

  settle(settlements: readonly Settlement[]): void {
    for (const { charge, taken, cost } of settlements) {
      const counts = this.#countsOf(charge)
      const timeFor = this.#timeFor(counts, charge.limit)
      this.#store(charge, countsAfterSettlement(charge.limit, counts, taken, cost, timeFor))
      this.#deleteIdle(charge)
    }
  }

  reset(scope: string, key: string): void {
    this.#counts.delete(`${scope} ${key}`)
  }

  #decide(charges: readonly Charge[], takes: boolean): StoreVerdict[] {
    const decided = charges.map((charge) => ({ charge, verdict: undefined as StoreVerdict | undefined }))
    const untaken = new Map<Charge, StoreVerdict>()
    for (const each of inJudgingOrder(decided)) {
      const { charge } = each
      const counts = this.#countsOf(charge)
      const state = stateUnder(charge.limit, counts, this.#timeFor(counts, charge.limit))
      const earlier = decided.filter(
        (other) =>
          other.verdict?.allowed && other.charge.key === charge.key && other.charge.scope === charge.scope,
      )
      const before = charge.cost === 0 ? 0 : earlier.reduce((sum, other) => sum + other.charge.cost, 0)
      const { judge } = algorithmOf(charge.limit)
      each.verdict = judge(charge.limit, state, charge.cost + before)
      untaken.set(charge, each.verdict.allowed ? judge(charge.limit, state, 0) : each.verdict)
    }
    const admitted = decided.every(({ charge, verdict }) => verdict?.allowed || charge.enforce === false)
    for (const { charge, verdict } of inJudgingOrder(decided)) {
      if (!takes || !admitted || !verdict?.allowed || charge.cost === 0) continue
      const { limit, cost, lease = '' } = charge
      const counts = this.#countsOf(charge)
      this.#store(charge, countsAfterTake(limit, counts, cost, lease, this.#timeFor(counts, limit)))
    }
    for (const charge of takes ? charges : []) {
      const { limit, cost } = charge
      const counts = this.#countsOf(charge)
      const timeFor = this.#timeFor(counts, limit)
      if (cost > 0 && isNewBucket(stateUnder(limit, counts, timeFor)))
        this.#store(charge, countsAfterTake(limit, counts, 0, '', timeFor))
    }
    for (const charge of charges) this.#deleteIdle(charge)
    return decided.map(({ charge, verdict }) => (admitted ? verdict : untaken.get(charge)) as StoreVerdict)
  }

  /** Returns the counts of a key, adjusted to a clock that was set back. */
  #countsOf(charge: Charge): readonly Count[] {
    const counts = this.#counts.get(nameOf(charge)) ?? []
    const timeFor = this.#timeFor(counts, charge.limit)
    if (!isClockSetBack(counts, timeFor)) return structuredClone(counts)
    const now = countsNow(structuredClone(counts), timeFor)
    this.#store(charge, now)
    return structuredClone(now)
  }

  /**
   * The script knows only the calendar windows of the requested limit. A clock that is set back
   * does not affect the state of other calendar limits.
   */
  #timeFor(counts: readonly Count[], requested: Limit): (limit: Limit) => number {
    return (limit) => {
      if (!usesWallTime(limit) || hasCompatibleState(limit, requested)) return this.now
      const compatible = counts.find((count) => hasCompatibleState(count.limit, limit))
      return Math.max(this.now, compatible?.state.at ?? this.now)
    }
  }

  #store(charge: Charge, counts: readonly Count[]): void {
    this.#counts.set(nameOf(charge), counts)
    this.#changed.add(nameOf(charge))
  }

  /** Deletes the state of a key that a request has changed and that has no usage left. */
  #deleteIdle(charge: Charge): void {
    if (!this.#changed.delete(nameOf(charge))) return
    const counts = this.#counts.get(nameOf(charge)) ?? []
    if (countsIdleAfter(counts, this.#timeFor(counts, charge.limit)) <= 0) this.#counts.delete(nameOf(charge))
  }
}

function nameOf({ scope, key }: Charge): string {
  return `${scope} ${key}`
}

/** Returns the charges in the order in which they are judged: enforced charges first. */
function inJudgingOrder<T extends { readonly charge: Charge }>(decided: readonly T[]): T[] {
  const isShadow = ({ charge }: T) => charge.enforce === false
  return [...decided.filter((each) => !isShadow(each)), ...decided.filter(isShadow)]
}
