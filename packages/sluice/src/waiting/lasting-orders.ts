import { ClassOrder } from './class-order.js'
import { FairShare } from './fair-share.js'
import type { FleetMember, OrderReport } from './fleet-member.js'
import type { Order, Waiting } from './order.js'
import type { Rank, Share, TenantCharge } from './share.js'

/** Maximum number of tenants that are remembered of lines in which nobody waits or is in flight. */
const MAX_IDLE_TENANTS = 10_000

/** Tenants in the report of a gateway. */
const MAX_FLEET_TENANTS = 2_000

/** The orders of lines of one gateway, by line: one for each, or for each class. */
export type FleetReport = Readonly<Record<string, readonly OrderReport[]>>

/** An order that knows the requests in flight. */
type LastingOrder<T extends Waiting> = FairShare<T> | ClassOrder<T>

/** What decides on the order of a line. */
interface Terms {
  readonly share: Share | undefined
  readonly rank: Rank | undefined
}

/**
 * The orders of lines that are fair or know classes, by line. They outlive a line while a request is in
 * flight or a tenant owes.
 */
export class LastingOrders<T extends Waiting> {
  readonly #orders = new Map<string, LastingOrder<T>>()
  /** The number of tenants of each idle line. The line that has been idle longest comes first. */
  readonly #idle = new Map<string, number>()
  #idleTenants = 0
  #isInFleet = false

  readonly #now: () => number
  readonly #maxIdleTenants: number

  /** @param now returns milliseconds */
  constructor(now: () => number, maxIdleTenants = MAX_IDLE_TENANTS) {
    this.#now = now
    this.#maxIdleTenants = maxIdleTenants
  }

  /** Returns the order of a line, in which a request waits from now on. Undefined if none is needed. */
  of(lineId: string, { share, rank }: Terms): Order<T> | undefined {
    return share === undefined && rank === undefined ? undefined : this.#of(lineId, rank !== undefined)
  }

  /** Charges a request that is dispatched now. */
  begin(lineId: string, { share, rank }: Terms): TenantCharge | undefined {
    if (share === undefined && rank === undefined) return undefined
    const order = this.#of(lineId, rank !== undefined)
    if (order instanceof ClassOrder) return order.begin(share, rank)
    return share && order.begin(share)
  }

  /** Reports whether the class of a request may start another one. */
  mayStart(lineId: string, entry: Waiting): boolean {
    return this.#orders.get(lineId)?.mayStart(entry) !== false
  }

  /** Makes all orders fair together with those of other gateways, from now on. */
  joinFleet(): void {
    this.#isInFleet = true
    for (const order of this.#orders.values()) order.joinFleet()
  }

  /** What other gateways must know of each line. */
  reports(): ReadonlyMap<string, readonly OrderReport[]> {
    const now = this.#now()
    let tenantsLeft = MAX_FLEET_TENANTS
    return this.#byLine((member) => {
      const report = member.report(now, tenantsLeft)
      tenantsLeft = Math.max(0, tenantsLeft - Object.keys(report.served).length)
      return report
    })
  }

  /** @param reports what the other gateways reported last, by gateway */
  onReports(reports: ReadonlyMap<string, FleetReport>): void {
    this.#byLine((member, lineId, index) => {
      const ofOrder = [...reports].flatMap(([gateway, report]) => {
        const order = report[lineId]?.[index]
        return order === undefined ? [] : [[gateway, order] as const]
      })
      member.onReports(new Map(ofOrder))
    })
  }

  /** Calls a function for each part of the fleet: one for a line, or one for each of its classes. */
  #byLine<R>(call: (member: FleetMember, lineId: string, index: number) => R): ReadonlyMap<string, R[]> {
    return new Map(
      [...this.#orders].map(([lineId, order]) => {
        const shares = order instanceof ClassOrder ? order.fairShares : [order]
        const members = shares.flatMap(({ fleet }) => fleet ?? [])
        return [lineId, members.map((member, index) => call(member, lineId, index))]
      }),
    )
  }

  #of(lineId: string, hasClasses: boolean): LastingOrder<T> {
    this.#setBusy(lineId)
    const known = this.#orders.get(lineId)
    if (known !== undefined) return known
    const onIdle = () => this.#onIdle(lineId)
    const created = hasClasses ? new ClassOrder<T>(this.#now, onIdle) : new FairShare<T>(this.#now, onIdle)
    if (this.#isInFleet) created.joinFleet()
    this.#orders.set(lineId, created)
    return created
  }

  #onIdle(lineId: string): void {
    this.#setBusy(lineId)
    const tenants = this.#orders.get(lineId)?.tenants ?? 0
    if (tenants === 0) {
      this.#orders.delete(lineId)
      return
    }
    this.#idle.set(lineId, tenants)
    this.#idleTenants += tenants
    for (const oldest of this.#idle.keys()) {
      if (this.#idleTenants <= this.#maxIdleTenants) break
      this.#setBusy(oldest)
      this.#orders.delete(oldest)
    }
  }

  #setBusy(lineId: string): void {
    this.#idleTenants -= this.#idle.get(lineId) ?? 0
    this.#idle.delete(lineId)
  }
}
