import { allEnforcedFit, refuses } from '../stores/enforcement.js'
import { type Charge, refundsOf, type Settlement, type StoreVerdict, settlementOf } from '../stores/store.js'

/** An amount that was taken after a charge of a permit, from the same key. */
interface Part {
  /** The index of the permit's charge. */
  readonly index: number
  readonly charge: Charge
  readonly verdict: StoreVerdict
}

/** The verdicts on charges that extend those of a permit: all are taken, or none. */
export class Extension {
  /**
   * @param indexes the index of the permit's charge that each charge extends
   */
  constructor(
    private readonly indexes: readonly number[],
    private readonly charges: readonly Charge[],
    private readonly verdicts: readonly StoreVerdict[],
  ) {}

  get isTaken(): boolean {
    return allEnforcedFit(this.charges, this.verdicts)
  }

  /** The parts that were taken. A shadow charge that does not fit is not taken. */
  get taken(): readonly Part[] {
    return this.#parts().filter(({ verdict }) => verdict.allowed)
  }

  /** The parts that refuse the extension. */
  get refusing(): readonly Part[] {
    return this.#parts().filter(({ charge, verdict }) => refuses(charge, verdict))
  }

  /** The settlements that give back what was taken. */
  get refunds(): readonly Settlement[] {
    return refundsOf(this.charges, this.verdicts)
  }

  #parts(): Part[] {
    return this.indexes.map((index, position) => ({
      index,
      charge: this.charges[position] as Charge,
      verdict: this.verdicts[position] as StoreVerdict,
    }))
  }
}

/** Everything that a permit took beyond its charges. */
export class Extensions {
  readonly #parts: Part[] = []

  add(parts: readonly Part[]): void {
    this.#parts.push(...parts)
  }

  /** Returns the sum of the parts of a charge. */
  costOf(index: number): number {
    return this.#of(index).reduce((sum, { charge }) => sum + charge.cost, 0)
  }

  /**
   * Divides the actual cost among a charge and its parts. What was taken first is used first, and
   * the last part owes what exceeds the sum.
   *
   * @param taken the cost of the charge itself
   * @returns the share of the charge itself, and the settlements of its parts
   */
  divide(
    index: number,
    taken: number,
    cost: number,
  ): { readonly own: number; readonly settlements: readonly Settlement[] } {
    const parts = this.#of(index)
    if (parts.length === 0) return { own: cost, settlements: [] }
    const own = Math.min(cost, taken)
    let rest = cost - own
    const settlements = parts.map(({ charge, verdict }, position) => {
      const share = position === parts.length - 1 ? rest : Math.min(rest, charge.cost)
      rest -= share
      return settlementOf(charge, verdict, share)
    })
    return { own, settlements }
  }

  #of(index: number): Part[] {
    return this.#parts.filter((part) => part.index === index)
  }
}
