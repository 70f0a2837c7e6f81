import { serviceOf, type Work } from '../rules/work.js'
import { FleetMember, type SharedOrder } from './fleet-member.js'
import { type HeapEntry, IndexedHeap } from './indexed-heap.js'
import type { LineSize, Order, Waiting } from './order.js'
import { ServiceRate } from './service-rate.js'
import type { Share, TenantCharge } from './share.js'
import { TicketList } from './ticket-list.js'

/** Maximum number of tenants of a line, unless more wait or are in flight. */
const MAX_TENANTS = 10_000

/** What each request counts in the mean service of requests. */
const MEAN_OF_REQUESTS = 1 / 64

/** A tenant that waits, is in flight or owes service. */
interface Account<T extends Waiting> extends HeapEntry {
  readonly tenant: string
  /** The service charged so far, divided by the weight: the tenant's virtual time. */
  counter: number
  weight: number
  readonly queue: TicketList<T>
  /** The predicted service of the waiting requests. */
  queued: number
  inFlight: number
  /** The place in the heap, at most the current counter and ticket. */
  counterThen: number
  ticketThen: number
  /** The account among those that wait, by the length of their queues. */
  readonly length: QueueLength<T>
}

interface QueueLength<T extends Waiting> extends HeapEntry {
  readonly account: Account<T>
}

/**
 * Serves the tenant that has been served least: start-time fair queueing over virtual counters.
 *
 * A request is charged its predicted work, divided by the tenant's weight, when it is dispatched,
 * whether or not others wait, and corrected when its actual work is known. A tenant whose queue
 * was empty starts at the counter of the last dispatch at least, so idle time earns nothing, and a
 * debt stays. In any interval in which two tenants wait throughout, their counters differ by no
 * more than the largest charge and the corrections of all requests in flight.
 *
 * See Goyal et al., "Start-time Fair Queueing" (SIGCOMM 1996); Jin et al., "Interposed Proportional
 * Sharing" (SIGMETRICS 2004), for a server that one cannot see into; and Sheng et al., "Fairness in
 * Serving Large Language Models" (OSDI 2024), for counters of tokens.
 */
export class FairShare<T extends Waiting> implements Order<T>, SharedOrder {
  readonly #accounts = new Map<string, Account<T>>()
  /** The tenants that wait. A counter that has grown is only corrected at the top of the heap. */
  readonly #waiting = new IndexedHeap<Account<T>>(servedBefore)
  /** The tenants that wait, those with the longest queues for their weight first. */
  readonly #longest = new IndexedHeap<QueueLength<T>>(
    (one, other) => lengthOf(one.account) > lengthOf(other.account),
  )
  /** The tenants that neither wait nor are in flight, but are ahead of the virtual time. */
  readonly #owing = new IndexedHeap<Account<T>>((one, other) => one.counter < other.counter)
  readonly #rate = new ServiceRate()
  /** The counter of the last dispatch: the virtual time. */
  #virtualTime = 0
  #length = 0
  #inFlight = 0
  /** The predicted service of all waiting requests. */
  #queued = 0
  /** The sum of the weights of the tenants that wait. */
  #weights = 0
  /** The mean service of recent requests. */
  #perRequest = 0
  #fleet: FleetMember | undefined

  /**
   * @param now returns milliseconds
   * @param onIdle called when nobody waits or is in flight any more
   */
  constructor(
    private readonly now: () => number,
    private readonly onIdle: () => void = () => {},
    private readonly maxTenants = MAX_TENANTS,
  ) {}

  get length(): number {
    return this.#length
  }

  /** The number of tenants that are not forgotten. */
  get tenants(): number {
    return this.#accounts.size
  }

  get first(): T | undefined {
    for (;;) {
      const top = this.#waiting.first
      if (top === undefined) return undefined
      const head = top.queue.first as T
      if (top.counterThen === top.counter && top.ticketThen === head.ticket) return head
      this.#reorder(top)
    }
  }

  get least(): number | undefined {
    return this.first === undefined ? undefined : (this.#waiting.first as Account<T>).counter
  }

  get time(): number {
    return this.#virtualTime
  }

  get perSecond(): number | undefined {
    const perMs = this.#rate.perMs(this.now())
    return perMs === undefined ? undefined : 1_000 * perMs
  }

  get perRequest(): number {
    return this.#perRequest
  }

  /** The part of a fleet that the order is; undefined if it is fair by itself. */
  get fleet(): FleetMember | undefined {
    return this.#fleet
  }

  /** Makes the order fair together with those of other gateways. */
  joinFleet(): void {
    this.#fleet ??= new FleetMember(this, this.now())
  }

  /** Reports whether the tenant of a request may be served, or is too far ahead of those of other gateways. */
  mayStart({ share }: Pick<Waiting, 'share'>): boolean {
    if (this.#fleet === undefined || this.#inFlight === 0) return true
    const counter = this.#accounts.get(termsOf(share).tenant)?.counter ?? 0
    return Math.max(counter, this.#virtualTime) <= this.#fleet.holdAbove
  }

  shift(by: number): void {
    this.#virtualTime += by
    for (const account of this.#accounts.values()) {
      account.counter += by
      account.counterThen += by
    }
  }

  raise(time: number): void {
    this.#virtualTime = Math.max(this.#virtualTime, time)
    this.#forgetPassed()
  }

  charge(tenant: string, service: number): void {
    const account = this.#accounts.get(tenant)
    if (account !== undefined) this.#add(account, service / account.weight)
  }

  get last(): T | undefined {
    return this.#longest.first?.account.queue.last
  }

  push(entry: T): void {
    const { tenant, weight, service } = termsOf(entry.share)
    const account = this.#accountOf(tenant, weight)
    const isFirst = account.queue.length === 0
    account.queue.push(entry)
    this.#weights += isFirst ? weight : weight - account.weight
    account.weight = weight
    if (isFirst) {
      account.counter = Math.max(account.counter, this.#virtualTime)
      this.#setPlace(account)
      this.#waiting.add(account)
      this.#longest.add(account.length)
    } else {
      this.#longest.update(account.length)
      if (account.queue.first === entry) this.#reorder(account)
    }
    account.queued += service
    this.#queued += service
    if (this.#length++ > 0) return
    this.#rate.setWaiting(true, this.now())
    this.#fleet?.onMoved(this.now())
  }

  remove(entry: T): void {
    const { tenant, service } = termsOf(entry.share)
    const account = this.#accounts.get(tenant) as Account<T>
    account.queue.remove(entry)
    account.queued -= service
    this.#queued -= service
    if (account.queue.length === 0) {
      this.#waiting.remove(account)
      this.#longest.remove(account.length)
      this.#weights -= account.weight
      account.queued = 0
      this.#release(account)
    } else this.#longest.update(account.length)
    if (--this.#length > 0) return
    this.#queued = 0
    this.#weights = 0
    this.#rate.setWaiting(false, this.now())
    this.#checkIdle()
  }

  precedes({ share, ticket }: Waiting): boolean {
    const { first } = this
    if (first === undefined) return false
    const account = this.#accounts.get(termsOf(share).tenant)
    const top = this.#waiting.first as Account<T>
    const counter =
      account === undefined || account.queue.length === 0
        ? Math.max(account?.counter ?? 0, this.#virtualTime)
        : account.counter
    const ticketOfTenant = Math.min(account?.queue.first?.ticket ?? ticket, ticket)
    if (account === top) return first.ticket < ticket
    return top.counter < counter || (top.counter === counter && first.ticket < ticketOfTenant)
  }

  isFullFor(entry: Waiting, size: LineSize): boolean {
    return this.#length >= size.maxQueued && this.displacedBy(entry, size) === undefined
  }

  /** A request takes the last place of the tenant with the longest queue, if its own is shorter. */
  displacedBy({ share }: Waiting, { maxQueued }: LineSize): T | undefined {
    const longest = this.#longest.first?.account
    if (this.#length < maxQueued || longest === undefined) return undefined
    const { tenant, weight } = termsOf(share)
    const own = ((this.#accounts.get(tenant)?.queue.length ?? 0) + 1) / weight
    return longest.tenant !== tenant && lengthOf(longest) > own ? longest.queue.last : undefined
  }

  /** The tenant waits for its own requests at its part of the rate, or for all that wait. */
  expectedWaitMs({ share }: Waiting): number | undefined {
    const perMs = this.#rate.perMs(this.now())
    if (perMs === undefined || perMs === 0) return undefined
    const { tenant, weight, service } = termsOf(share)
    const account = this.#accounts.get(tenant)
    const isWaiting = account !== undefined && account.queue.length > 0
    const weights = isWaiting ? this.#weights : this.#weights + weight
    const own = isWaiting ? account.queued + service : service
    return Math.min(this.#queued, (own * weights) / weight) / perMs
  }

  /** Charges a request that is dispatched now. It may still be in the queue of its tenant. */
  begin(share: Share): TenantCharge {
    const { tenant, weight, service } = termsOf(share)
    const account = this.#accountOf(tenant, weight)
    if (account.queue.length === 0) {
      account.counter = Math.max(account.counter, this.#virtualTime)
      account.weight = weight
    }
    account.inFlight++
    this.#inFlight++
    this.#virtualTime = Math.max(this.#virtualTime, account.counter)
    account.counter += service / weight
    this.#rate.onDispatch(service, this.now())
    if (this.#fleet !== undefined) {
      this.#perRequest += (service - this.#perRequest) * (this.#perRequest === 0 ? 1 : MEAN_OF_REQUESTS)
      this.#fleet.onMoved(this.now())
      this.#fleet.onServed(tenant, service, this.now())
    }
    this.#forgetPassed()
    return new ChargeInFlight(
      share,
      (change) => this.#correct(share, change),
      () => this.#end(account),
    )
  }

  #correct({ tenant, weight }: Share, change: number): void {
    if (change === 0) return
    // A tenant that was forgotten would come back at the virtual time.
    this.#add(this.#accountOf(tenant, weight), change / weight)
    this.#fleet?.onServed(tenant, change, this.now())
  }

  #add(account: Account<T>, change: number): void {
    const isOwing = account.index >= 0 && account.queue.length === 0
    if (isOwing) this.#owing.remove(account)
    account.counter += change
    if (account.queue.length > 0) {
      if (change < 0) this.#reorder(account)
    } else if (account.inFlight === 0) this.#release(account)
  }

  #end(account: Account<T>): void {
    account.inFlight--
    this.#inFlight--
    this.#release(account)
    this.#checkIdle()
  }

  #checkIdle(): void {
    if (this.#length === 0 && this.#inFlight === 0) this.onIdle()
  }

  #accountOf(tenant: string, weight: number): Account<T> {
    const known = this.#accounts.get(tenant)
    if (known !== undefined) {
      if (known.queue.length === 0 && known.index >= 0) this.#owing.remove(known)
      return known
    }
    const created: Account<T> = {
      ...{ tenant, weight, counter: this.#virtualTime, queue: new TicketList<T>(), queued: 0 },
      ...{ inFlight: 0, counterThen: 0, ticketThen: 0, index: -1 },
      length: {
        index: -1,
        get account() {
          return created
        },
      },
    }
    this.#accounts.set(tenant, created)
    return created
  }

  /** Forgets a tenant that neither waits nor is in flight, unless it owes service. */
  #release(account: Account<T>): void {
    if (account.queue.length > 0 || account.inFlight > 0) return
    if (account.counter <= this.#virtualTime) this.#accounts.delete(account.tenant)
    else this.#owing.add(account)
    // The smallest debt is forgiven.
    if (this.#accounts.size > this.maxTenants) this.#forgetFirst()
  }

  /** Forgets the tenants whose debt the virtual time has passed. They would come back at it. */
  #forgetPassed(): void {
    while (this.#owing.first !== undefined && this.#owing.first.counter <= this.#virtualTime)
      this.#forgetFirst()
  }

  #forgetFirst(): void {
    const { first } = this.#owing
    if (first === undefined) return
    this.#owing.remove(first)
    this.#accounts.delete(first.tenant)
  }

  #reorder(account: Account<T>): void {
    this.#setPlace(account)
    this.#waiting.update(account)
  }

  #setPlace(account: Account<T>): void {
    account.counterThen = account.counter
    account.ticketThen = (account.queue.first as T).ticket
  }
}

/** The charge of a request that was dispatched. */
export class ChargeInFlight implements TenantCharge {
  readonly #share: Share
  readonly #correct: (change: number) => void
  readonly #end: () => void
  /** The work that is charged. */
  #input: number
  #output: number
  #written: number | undefined
  #isSettled = false
  #hasEnded = false

  constructor(share: Share, correct: (change: number) => void, end: () => void) {
    this.#share = share
    this.#correct = correct
    this.#end = end
    this.#input = share.work.input
    this.#output = share.work.output
  }

  wrote(output: number): void {
    if (this.#isSettled || this.#hasEnded) return
    this.#written = Math.max(this.#written ?? 0, output)
    this.#charge({ input: this.#input, output: Math.max(this.#output, output) })
  }

  served({ input = this.#input, output = this.#written ?? this.#output }: Partial<Work>): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#charge({ input, output })
  }

  takeBack(): void {
    this.served({ input: 0, output: 0 })
  }

  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    if (!this.#isSettled && this.#written !== undefined)
      this.#charge({ input: this.#input, output: this.#written })
    this.#end()
  }

  #charge(work: Work): void {
    const { counts } = this.#share
    const charged = serviceOf({ input: this.#input, output: this.#output }, counts)
    this.#input = work.input
    this.#output = work.output
    this.#correct(serviceOf(work, counts) - charged)
  }
}

function servedBefore<T extends Waiting>(one: Account<T>, other: Account<T>): boolean {
  return (
    one.counterThen < other.counterThen ||
    (one.counterThen === other.counterThen && one.ticketThen < other.ticketThen)
  )
}

function lengthOf<T extends Waiting>({ queue, weight }: Account<T>): number {
  return queue.length / weight
}

/** Requests without a share are those of one tenant. */
function termsOf(share: Share | undefined): {
  readonly tenant: string
  readonly weight: number
  readonly service: number
} {
  if (share === undefined) return { tenant: '', weight: 1, service: 1 }
  return { tenant: share.tenant, weight: share.weight, service: serviceOf(share.work, share.counts) }
}
