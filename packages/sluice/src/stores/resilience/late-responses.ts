import { allEnforcedFit } from '../enforcement.js'
import { type Charge, refundsOf, type Settlement, type Store, type StoreVerdict } from '../store.js'
import type { LateResponseHandler } from './deadline.js'

/**
 * Maximum number of late responses to wait for. Beyond it, the oldest is abandoned without a
 * refund.
 */
const MAX_PENDING = 1000

/** The charges of a late take; undefined once it is abandoned. */
interface LateTake {
  charges: readonly Charge[] | undefined
}

/**
 * Refunds charges that a store takes after the deadline. The request was decided without the store,
 * so its permit would never settle or release those charges.
 *
 * Refunds are best effort. If the response never arrives or the refund fails, the charge counts
 * until it expires, and slots are held until their lease ends. The limit is never exceeded.
 */
export class LateResponses {
  readonly #pending = new Set<LateTake>()
  #refunded = 0
  #abandoned = 0

  constructor(private readonly store: Store) {}

  /** Late takes that were admitted and refunded. */
  get refunded(): number {
    return this.#refunded
  }

  /** Late takes that could not be refunded or were no longer awaited. */
  get abandoned(): number {
    return this.#abandoned
  }

  /** Returns the handler for a take of these charges. */
  handlerFor(charges: readonly Charge[]): LateResponseHandler<StoreVerdict[]> {
    // A client that hangs retains only this small object, whose charges are dropped when the take
    // is abandoned.
    const late: LateTake = { charges }
    return {
      onTimeout: () => this.#await(late),
      onValue: (verdicts) => this.#onVerdicts(late, verdicts),
      onError: () => void this.#pending.delete(late),
    }
  }

  #await(late: LateTake): void {
    this.#pending.add(late)
    if (this.#pending.size <= MAX_PENDING) return
    const [oldest] = this.#pending
    if (oldest === undefined) return
    this.#pending.delete(oldest)
    oldest.charges = undefined
    this.#abandoned++
  }

  #onVerdicts(late: LateTake, verdicts: readonly StoreVerdict[]): void {
    this.#pending.delete(late)
    const { charges } = late
    // Verdicts on too few charges do not show that the request was admitted.
    if (charges === undefined || verdicts.length < charges.length) return
    const refunds = allEnforcedFit(charges, verdicts) ? refundsOf(charges, verdicts) : []
    if (refunds.length > 0) this.#refund(refunds)
  }

  /** Refunds regardless of the breaker, because the store has just responded. */
  #refund(settlements: readonly Settlement[]): void {
    const done = () => void this.#refunded++
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
