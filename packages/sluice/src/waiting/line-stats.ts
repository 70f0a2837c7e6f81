import type { Share } from './share.js'

/** After this time, service counts half in the shares of tenants, in milliseconds. */
const HALF_LIFE_MS = 30_000
/** A tenant counts in the index of fairness for this long after it has waited, in milliseconds. */
const WAITED_MS = 60_000
/** The tenants that are shown: those with the most service. */
const MAX_SHOWN = 32
/** The tenants that are remembered. At twice the number, those with the least service are forgotten. */
const MAX_TENANTS = 1_000

/** What the lines of a rule have done so far. */
export interface LineTotals {
  /** Requests that were sent, by the name of their class. It is empty without classes. */
  readonly sent: ReadonlyMap<string, number>
  /** Weighted work of all requests that were sent. 0 if the rule is not fair. */
  readonly service: number
  /** Requests that lost their place in a full line to another one. */
  readonly pushedOut: number
  /** Requests that were not sent because their responses would have begun too late. */
  readonly late: number
}

/** The service of a tenant, of which older service counts less. */
export interface TenantService {
  readonly tenant: string
  /** Its part of the service of all tenants, from 0 to 1. */
  readonly part: number
}

interface Tenant {
  service: number
  weight: number
  /** When `service` was computed. */
  at: number
  waitedAt: number
}

/** Counts what the lines of one rule do, for metrics. */
export class LineStats {
  readonly #sent = new Map<string, number>()
  readonly #tenants = new Map<string, Tenant>()
  #service = 0
  #pushedOut = 0
  #late = 0

  /** @param className empty without classes */
  onSent(className: string): void {
    this.#sent.set(className, (this.#sent.get(className) ?? 0) + 1)
  }

  /** @param change weighted work that a tenant was charged, or refunded if it is negative */
  onService({ tenant, weight }: Share, change: number, now: number): void {
    this.#service += change
    const known = this.#of(tenant, weight, now)
    known.service = Math.max(0, known.service + change)
  }

  /** A request of a tenant was not served at once. */
  onWaited({ tenant, weight }: Share, now: number): void {
    this.#of(tenant, weight, now).waitedAt = now
  }

  onPushedOut(): void {
    this.#pushedOut++
  }

  onLate(): void {
    this.#late++
  }

  get totals(): LineTotals {
    return {
      ...{ sent: this.#sent, service: this.#service },
      ...{ pushedOut: this.#pushedOut, late: this.#late },
    }
  }

  /** The tenants with the most service. */
  largest(now: number): readonly TenantService[] {
    const ranked = this.#ranked(now)
    const total = ranked.reduce((sum, [, { service }]) => sum + service, 0)
    if (total === 0) return []
    return ranked.slice(0, MAX_SHOWN).map(([tenant, { service }]) => ({ tenant, part: service / total }))
  }

  /**
   * Jain's index over the service of tenants that waited in the last minute, divided by their weights:
   * 1 if all got the same, 1/n if one got all. Undefined unless at least two waited.
   */
  fairness(now: number): number | undefined {
    let [count, sum, squares] = [0, 0, 0]
    for (const tenant of this.#tenants.values()) {
      if (now - tenant.waitedAt > WAITED_MS) continue
      const service = this.#decayed(tenant, now).service / tenant.weight
      count++
      sum += service
      squares += service * service
    }
    return count < 2 || squares === 0 ? undefined : (sum * sum) / (count * squares)
  }

  #of(name: string, weight: number, now: number): Tenant {
    const known = this.#tenants.get(name)
    if (known !== undefined) {
      known.weight = weight
      return this.#decayed(known, now)
    }
    if (this.#tenants.size >= 2 * MAX_TENANTS)
      for (const [tenant] of this.#ranked(now).slice(MAX_TENANTS)) this.#tenants.delete(tenant)
    const created = { service: 0, weight, at: now, waitedAt: Number.NEGATIVE_INFINITY }
    this.#tenants.set(name, created)
    return created
  }

  #decayed(tenant: Tenant, now: number): Tenant {
    tenant.service *= 2 ** ((tenant.at - now) / HALF_LIFE_MS)
    tenant.at = now
    return tenant
  }

  #ranked(now: number): [name: string, tenant: Tenant][] {
    for (const tenant of this.#tenants.values()) this.#decayed(tenant, now)
    return [...this.#tenants].sort(([, one], [, other]) => other.service - one.service)
  }
}
