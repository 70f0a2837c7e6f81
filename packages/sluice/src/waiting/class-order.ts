import { serviceOf } from '../rules/work.js'
import { ChargeInFlight, FairShare } from './fair-share.js'
import { FirstCome } from './first-come.js'
import type { LineSize, Order, Waiting } from './order.js'
import type { Rank, Share, TenantCharge } from './share.js'

/** A charge that counts requests instead of their work. */
const ONE_REQUEST: Share = {
  ...{ tenant: '', weight: 1 },
  ...{ work: { input: 1, output: 0 }, counts: { input: 1, output: 0 } },
}

const TOP: Rank = { index: 0, name: '', floors: [], most: Number.POSITIVE_INFINITY }

/** The requests of one class. */
interface ClassQueue<T extends Waiting> {
  readonly order: Order<T>
  /** Undefined if the class is served first come, first served. */
  readonly fair: FairShare<T> | undefined
  /** The service that the floor of the class has earned while it waits, and that it did not get. */
  credit: number
}

/**
 * Serves classes of requests in strict order, but gives each class a part of the service while it waits:
 * its floor. Within a class, requests are served in fair shares or as they arrive.
 *
 * Each dispatch credits the classes that wait with their floor of its service. A class whose credit
 * covers its first request goes first. So in any interval in which a class waits throughout, it gets
 * its floor of the service dispatched, except for at most the work of the largest request of each
 * class below the first, and the errors of the predictions in flight.
 */
export class ClassOrder<T extends Waiting> implements Order<T> {
  readonly #classes: ClassQueue<T>[] = []
  #floors: readonly number[] = []
  #inFlight = 0
  #isInFleet = false

  /**
   * @param now returns milliseconds
   * @param onIdle called when nobody waits or is in flight any more
   */
  constructor(
    private readonly now: () => number,
    private readonly onIdle: () => void = () => {},
  ) {}

  get length(): number {
    return this.#classes.reduce((sum, { order }) => sum + order.length, 0)
  }

  /** The number of tenants that are not forgotten. */
  get tenants(): number {
    return this.#classes.reduce((sum, { fair }) => sum + (fair?.tenants ?? 0), 0)
  }

  get first(): T | undefined {
    return this.#next()?.order.first
  }

  /** The fair orders of the classes, the first class first. */
  get fairShares(): readonly FairShare<T>[] {
    return this.#classes.flatMap(({ fair }) => fair ?? [])
  }

  /** Makes the classes fair together with those of other gateways. */
  joinFleet(): void {
    this.#isInFleet = true
    for (const fair of this.fairShares) fair.joinFleet()
  }

  get last(): T | undefined {
    return this.#classes.findLast(({ order }) => order.length > 0)?.order.last
  }

  push(entry: T): void {
    const { index, floors } = entry.rank ?? TOP
    this.#floors = floors
    this.#of(index, entry.share).order.push(entry)
  }

  remove(entry: T): void {
    const own = this.#of((entry.rank ?? TOP).index, entry.share)
    own.order.remove(entry)
    // Idle time earns nothing.
    if (own.order.length === 0) own.credit = 0
    this.#checkIdle()
  }

  precedes(entry: Waiting): boolean {
    const due = this.#due()
    const next = due ?? this.#next()
    if (next === undefined) return false
    const index = this.#classes.indexOf(next)
    const own = (entry.rank ?? TOP).index
    if (index === own) return next.order.precedes(entry)
    return due !== undefined || index < own
  }

  isFullFor(entry: Waiting, size: LineSize): boolean {
    if (this.length >= size.maxQueued) return this.displacedBy(entry, size) === undefined
    return this.#classes[(entry.rank ?? TOP).index]?.order.isFullFor(entry, size) === true
  }

  /** A request takes the last place of a lower class, or a place that its own class gives it. */
  displacedBy(entry: Waiting, size: LineSize): T | undefined {
    if (this.length < size.maxQueued) return undefined
    const { index } = entry.rank ?? TOP
    const lowest = this.#classes.findLastIndex(({ order }) => order.length > 0)
    if (lowest > index) return this.#classes[lowest]?.order.last
    const own = this.#classes[index]?.order
    return own?.displacedBy(entry, { ...size, maxQueued: own.length })
  }

  expectedWaitMs(entry: Waiting): number | undefined {
    return this.#classes[(entry.rank ?? TOP).index]?.order.expectedWaitMs(entry)
  }

  /**
   * Reports whether a request may start beside those in flight. The lower classes leave some slots to
   * the first one, unless their floor is due.
   */
  mayStart(entry: Pick<Waiting, 'rank' | 'share'>): boolean {
    const { rank = TOP } = entry
    if (this.#inFlight > 0 && this.#classes[rank.index]?.fair?.mayStart(entry) === false) return false
    if (rank.index === 0 || this.#inFlight < rank.most) return true
    const due = this.#due()
    return due !== undefined && due === this.#classes[rank.index]
  }

  /** Charges a request that is dispatched now. It may still be in the queue of its class. */
  begin(share: Share | undefined, rank: Rank | undefined): TenantCharge {
    const { index, floors } = rank ?? TOP
    this.#floors = floors
    const own = this.#of(index, share)
    const charge = share && own.fair?.begin(share)
    const counted = share ?? ONE_REQUEST
    this.#inFlight++
    this.#credit(own, serviceOf(counted.work, counted.counts))
    own.credit = Math.max(0, own.credit)
    const ofClass = new ChargeInFlight(
      counted,
      (change) => this.#credit(own, change),
      () => {
        this.#inFlight--
        this.#checkIdle()
      },
    )
    // The work of a request counts only where it is known.
    if (share === undefined) return { ...NO_CHARGE, end: () => ofClass.end() }
    return charge === undefined ? ofClass : new JointCharge(charge, ofClass)
  }

  #of(index: number, share: Share | undefined): ClassQueue<T> {
    for (let next = this.#classes.length; next <= index; next++) {
      const fair = share && new FairShare<T>(this.now)
      if (this.#isInFleet) fair?.joinFleet()
      this.#classes.push({ order: fair ?? new FirstCome<T>(), fair, credit: 0 })
    }
    return this.#classes[index] as ClassQueue<T>
  }

  /** Credits the classes that wait with their floors of a service, which one of them got. */
  #credit(served: ClassQueue<T>, service: number): void {
    for (const [index, each] of this.#classes.entries()) {
      if (each.order.length === 0) continue
      each.credit += (this.#floors[index] ?? 0) * service - (each === served ? service : 0)
    }
  }

  #next(): ClassQueue<T> | undefined {
    return this.#due() ?? this.#classes.find(({ order }) => order.length > 0)
  }

  /** Finds the class whose credit covers its first request. */
  #due(): ClassQueue<T> | undefined {
    return this.#classes.find(({ order, credit }, index) => {
      if (index === 0 || credit <= 0) return false
      const { first } = order
      if (first === undefined) return false
      const { work, counts } = first.share ?? ONE_REQUEST
      return credit >= serviceOf(work, counts)
    })
  }

  #checkIdle(): void {
    if (this.#inFlight === 0 && this.length === 0) this.onIdle()
  }
}

const NO_CHARGE: TenantCharge = { wrote() {}, served() {}, takeBack() {}, end() {} }

/** The charge of a request to its tenant and to its class. */
class JointCharge implements TenantCharge {
  constructor(
    private readonly tenant: TenantCharge,
    private readonly ofClass: TenantCharge,
  ) {}

  wrote(output: number): void {
    this.tenant.wrote(output)
    this.ofClass.wrote(output)
  }

  served(work: Parameters<TenantCharge['served']>[0]): void {
    this.tenant.served(work)
    this.ofClass.served(work)
  }

  takeBack(): void {
    this.tenant.takeBack()
    this.ofClass.takeBack()
  }

  end(): void {
    this.tenant.end()
    this.ofClass.end()
  }
}
