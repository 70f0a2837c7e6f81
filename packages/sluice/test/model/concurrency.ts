import type { ConcurrencyLimit } from '../../src/limits/limit.js'
import type { Model } from './model.js'

/** Counts the slots of the leases that have not ended. */
export class ConcurrencyModel implements Model<ConcurrencyLimit> {
  #leases: { readonly name: string; readonly until: number; readonly slots: number }[] = []

  constructor(private readonly limit: ConcurrencyLimit) {}

  used(now: number): number {
    return this.#running(now).reduce((held, { slots }) => held + slots, 0)
  }

  take(now: number, slots: number, limit: ConcurrencyLimit, name: string): void {
    this.#leases.push({ name, until: now + limit.lease, slots })
  }

  takeUnderOther(): void {}

  release(name: string): void {
    this.#leases = this.#leases.filter((lease) => lease.name !== name)
  }

  /** Ends every lease within one lease duration from now. */
  setBack(from: number, to: number): void {
    this.#leases = this.#running(from).map((lease) => ({
      ...lease,
      until: Math.min(lease.until, to + this.limit.lease),
    }))
  }

  /** Slots are never converted to another algorithm. */
  usage(): undefined {}

  begin(): void {}

  expiresAt(): number {
    return Math.max(...this.#leases.map(({ until }) => until))
  }

  #running(now: number) {
    return this.#leases.filter(({ until }) => now < until)
  }
}
