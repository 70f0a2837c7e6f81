/** What a gateway tells others about one order of a line. */
export interface OrderReport {
  /** When it was made, in milliseconds of the gateway's own clock. */
  readonly at: number
  /** The counter of the tenant that is served next; null if none waits, or if the order is stuck. */
  readonly least: number | null
  /** The virtual time. */
  readonly time: number
  /** When each tenant became active, and its service since then, not divided by its weight. */
  readonly served: Readonly<Record<string, readonly [since: number, service: number]>>
}

/** A fair order whose tenants are also served by other gateways. */
export interface SharedOrder {
  /** The counter of the tenant that is served next; undefined if none waits. */
  readonly least: number | undefined
  readonly time: number
  /** Service that is dispatched per second while tenants wait; undefined if unknown. */
  readonly perSecond: number | undefined
  /** The mean service of recent requests. */
  readonly perRequest: number
  /** Adds to the virtual time and to all counters. */
  shift(by: number): void
  /** Raises the virtual time, which is where tenants begin to wait. Has no effect if it is later. */
  raise(time: number): void
  /** Charges a tenant, if it is known, for service that it got elsewhere. */
  charge(tenant: string, service: number): void
}

/** Tenants in a report: those that were served last. */
const MAX_REPORTED = 1_000
/** A tenant that was not served for this long is no longer reported, in milliseconds. */
const ACTIVE_MS = 10_000
/** An order that has dispatched nothing for this long keeps no other one waiting, in milliseconds. */
const STUCK_MS = 3_000
/** How far a tenant may be ahead of the one that is served least elsewhere, in requests. */
const MIN_LEAD = 24

/**
 * Makes an order fair together with those of other gateways before the same server. Each charges its
 * tenants for the service that they got elsewhere. That alone changes nothing where no tenant uses two
 * gateways, so an order also holds back while its next tenant is ahead of the one that is served least
 * elsewhere, by more than 24 requests or the service of a second.
 *
 * Reports are exchanged about once per second. See Wang and Merchant, "Proportional-Share Scheduling for
 * Distributed Storage Systems" (FAST 2007), for charging what a client got elsewhere.
 */
export class FleetMember {
  /** The counter up to which tenants may be served. */
  holdAbove = Number.POSITIVE_INFINITY
  readonly #order: SharedOrder
  readonly #served = new Map<string, { readonly since: number; total: number; at: number }>()
  /** What each gateway had reported before. */
  #seen: ReadonlyMap<string, OrderReport> = new Map()
  #hasJoined = false
  #movedAt: number

  constructor(order: SharedOrder, now: number) {
    this.#order = order
    this.#movedAt = now
  }

  /** Records that requests began to wait, or that one was dispatched. */
  onMoved(now: number): void {
    this.#movedAt = now
  }

  /** @param service what a tenant was charged here, or refunded if it is negative */
  onServed(tenant: string, service: number, now: number): void {
    const known = this.#served.get(tenant)
    // The tenants that were served last come last.
    this.#served.delete(tenant)
    const { since = now, total = 0 } = known ?? {}
    this.#served.set(tenant, { since, total: total + service, at: now })
    const [oldest] = this.#served.keys()
    if (this.#served.size > MAX_REPORTED && oldest !== undefined) this.#served.delete(oldest)
  }

  /** @param maxTenants the tenants that may be reported; those that were served last are */
  report(now: number, maxTenants = MAX_REPORTED): OrderReport {
    for (const [tenant, { at }] of this.#served) {
      if (now - at < ACTIVE_MS) break
      this.#served.delete(tenant)
    }
    const { least, time } = this.#order
    const isStuck = now - this.#movedAt > STUCK_MS
    const reported = maxTenants === 0 ? [] : [...this.#served].slice(-maxTenants)
    return {
      at: now,
      // Until others were heard, the counters may be far behind theirs.
      least: least === undefined || isStuck || !this.#hasJoined ? null : least,
      time,
      served: Object.fromEntries(reported.map(([tenant, { since, total }]) => [tenant, [since, total]])),
    }
  }

  /** @param reports those of all other gateways that use the line */
  onReports(reports: ReadonlyMap<string, OrderReport>): void {
    const leasts = [...reports.values()].flatMap(({ least }) => (least === null ? [] : [least]))
    const least = Math.min(...leasts)
    if (!this.#hasJoined && reports.size > 0) {
      // The counters of a new order begin at 0.
      const reference = leasts.length > 0 ? least : Math.max(...[...reports.values()].map(({ time }) => time))
      this.#order.shift(Math.max(0, reference - this.#order.time))
    }
    this.#hasJoined = true
    for (const [gateway, report] of reports) this.#charge(report, this.#seen.get(gateway))
    this.#seen = reports
    if (leasts.length > 0) this.#order.raise(Math.min(least, this.#order.least ?? least))
    const { perSecond = 0, perRequest } = this.#order
    this.holdAbove = least + Math.max(MIN_LEAD * perRequest, perSecond)
  }

  /** @param before what the same gateway had reported; undefined for its first report */
  #charge({ served }: OrderReport, before: OrderReport | undefined): void {
    if (before === undefined) return
    for (const [tenant, [since, total]] of Object.entries(served)) {
      const known = Object.hasOwn(before.served, tenant) ? before.served[tenant] : undefined
      if (known?.[0] === since) this.#order.charge(tenant, total - known[1])
      // What it got before the last report is not known to be new.
      else if (since >= before.at) this.#order.charge(tenant, total)
    }
  }
}
