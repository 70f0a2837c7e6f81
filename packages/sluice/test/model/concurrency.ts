import type { ConcurrencyLimit } from '../../src/limits/limit.js'
import type { Model } from './model.js'

/** Slots are held by leases that are not over. */
export class ConcurrencyModel implements Model<ConcurrencyLimit> {
  #leases: { readonly name: string; readonly until: number; readonly slots: number }[] = []

  constructor(private limit: ConcurrencyLimit) {}

  used(now: number): number {
    return this.#running(now).reduce((held, { slots }) => held + slots, 0)
  }

  take(now: number, slots: number, name: string): void {
    this.#leases.push({ name, until: now + this.limit.lease, slots })
  }

  release(name: string): void {
    this.#leases = this.#leases.filter((lease) => lease.name !== name)
  }

  /** No lease ends later than one lease from now. */
  setBack(from: number, to: number): void {
    this.#leases = this.#running(from).map((lease) => ({
      ...lease,
      until: Math.min(lease.until, to + this.limit.lease),
    }))
  }

  /** Who is in flight stays so. */
  change(_now: number, limit: ConcurrencyLimit): void {
    this.limit = limit
  }

  #running(now: number) {
    return this.#leases.filter(({ until }) => now < until)
  }
}
