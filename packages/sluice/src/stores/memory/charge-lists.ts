import type { Limit } from '../../limits/limit.js'
import type { Charge, StoreVerdict } from '../store.js'
import { MemoryCharges } from './memory-charges.js'
import type { StateTable } from './state-table.js'

/** Maximum number of charges in a list. */
const MAX_CHARGES = 16

/**
 * Takes lists of charges by calculating with plain numbers. Other processes and failure policies
 * pass such lists.
 */
export class ChargeLists {
  /** Reusable charges, by the length of the list. */
  readonly #bySize: (MemoryCharges | undefined)[] = []

  constructor(private readonly states: StateTable) {}

  /**
   * Takes charges as `Store.take` does. Returns undefined and takes nothing if the charges require
   * `Judgement`.
   */
  take(charges: readonly Charge[]): StoreVerdict[] | undefined {
    const { length } = charges
    if (length === 0 || length > MAX_CHARGES) return undefined
    const working = this.#chargesOf(charges)
    for (let index = 0; index < length; index++) {
      const { scope, key, limit, cost, enforce, penalty } = charges[index] as Charge
      // The caller names the leases of slots, and may pass any cost.
      if (limit.algorithm === 'concurrency' || !isCountable(cost, limit)) return undefined
      if (penalty !== undefined) return undefined
      for (let earlier = 0; earlier < index; earlier++)
        if (charges[earlier]?.scope === scope) return undefined
      const charge = working.charges[index] as MemoryCharges['charges'][number]
      if (charge.scope.name !== scope) charge.scope = this.states.scope(scope)
      charge.key = key
      charge.limit = limit
      charge.cost = cost
      charge.enforce = enforce !== false
    }
    const outcome = working.take()
    if (outcome === 'judged') return [...working.verdicts]
    if (outcome === undefined) return undefined
    const { numbers, offset } = working
    const request = { limits: charges.map(({ limit }) => limit), numbers, offset, keyOf: () => '' }
    return charges.map((_, index) => working.verdict(index, request))
  }

  #chargesOf(charges: readonly Charge[]): MemoryCharges {
    const known = this.#bySize[charges.length]
    if (known !== undefined) return known
    const rules = charges.map(({ scope, enforce }) => ({ scope, enforce: enforce !== false }))
    const created = new MemoryCharges(this.states, rules)
    this.#bySize[charges.length] = created
    return created
  }
}

function isCountable(cost: number, { algorithm }: Limit): boolean {
  return cost >= 0 && Number.isFinite(cost) && (algorithm === 'token-bucket' || Number.isInteger(cost))
}
