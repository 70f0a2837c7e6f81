import { type Charge, type Settlement, type Store, type StoreVerdict, settlementOf } from '../store.js'
import type { Lateness } from './deadline.js'

/** So many late answers are awaited; of more, the oldest ones are not given back. */
const MAX_AWAITED = 1000

/** The charges of a take whose answer is late; none once it is not awaited any more. */
interface LateTake {
  charges: readonly Charge[] | undefined
}

/**
 * Gives back what a store takes after everybody has stopped waiting for it: the request was decided without it, so
 * nobody would ever settle or release those charges.
 *
 * Best effort: what is never answered, or cannot be given back, stays charged until it has come back by itself, and
 * slots until their lease ends. That is never too little.
 */
export class LateResponses {
  readonly #awaited = new Set<LateTake>()
  #givenBack = 0
  #abandoned = 0

  constructor(private readonly store: Store) {}

  /** Takes that were allowed too late and were given back. */
  get givenBack(): number {
    return this.#givenBack
  }

  /** Takes that were late and that could not be given back, or were awaited no more. */
  get abandoned(): number {
    return this.#abandoned
  }

  /** What happens to this take should it be late. */
  of(charges: readonly Charge[]): Lateness<StoreVerdict[]> {
    // What a hung client keeps of this is the small object, not the charges, once they are dropped from it.
    const late: LateTake = { charges }
    return {
      missed: () => this.#await(late),
      answered: (verdicts) => this.#answered(late, verdicts),
      failed: () => void this.#awaited.delete(late),
    }
  }

  #await(late: LateTake): void {
    this.#awaited.add(late)
    if (this.#awaited.size <= MAX_AWAITED) return
    const [oldest] = this.#awaited
    if (oldest === undefined) return
    this.#awaited.delete(oldest)
    oldest.charges = undefined
    this.#abandoned++
  }

  #answered(late: LateTake, verdicts: readonly StoreVerdict[]): void {
    this.#awaited.delete(late)
    if (late.charges === undefined) return
    const settlements = refundsOf(late.charges, verdicts)
    if (settlements.length > 0) this.#giveBack(settlements)
  }

  /** Nobody waits for this. It goes to the store whatever the breaker says: the store has just answered. */
  #giveBack(settlements: readonly Settlement[]): void {
    const done = () => void this.#givenBack++
    const failed = () => void this.#abandoned++
    try {
      const settled = this.store.settle(settlements)
      if (settled instanceof Promise) settled.then(done, failed)
      else done()
    } catch {
      failed()
    }
  }
}

/** What undoes a take with these verdicts; nothing where it was refused, and so took nothing. */
function refundsOf(charges: readonly Charge[], verdicts: readonly StoreVerdict[]): Settlement[] {
  const refused = charges.some((charge, index) => charge.enforce !== false && !verdicts[index]?.allowed)
  if (refused) return []
  return charges.flatMap((charge, index) => {
    const verdict = verdicts[index]
    if (!verdict?.allowed || charge.cost === 0) return []
    return [settlementOf(charge, verdict, 0)]
  })
}
