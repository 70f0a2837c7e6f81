import { FairShare, type Share, type TenantCharge, type Waiting } from 'sluice/internal'
import type { WaitingLine } from '../../simulation/gateway-parts.js'
import type { SimulatedRequest } from '../../simulation/simulated-request.js'

const COUNTS = { input: 1, output: 2 }

export interface FairLineOptions {
  /** The requests that can wait. Default: all. */
  readonly places?: number
  /** By tenant. Default: 1. */
  readonly weights?: Readonly<Record<string, number>>
}

interface Entry extends Waiting {
  readonly request: SimulatedRequest
}

/** The fair line of the gateway: `fair`. */
export class FairLine implements WaitingLine {
  readonly #order: FairShare<Entry>
  readonly #entries = new Map<number, Entry>()
  readonly #services = new Map<number, TenantCharge>()
  readonly #options: FairLineOptions
  #now = 0
  #tickets = 0

  constructor(options: FairLineOptions) {
    this.#options = options
    this.#order = new FairShare(() => this.#now)
  }

  get length(): number {
    return this.#order.length
  }

  push(request: SimulatedRequest, now: number): SimulatedRequest | undefined {
    this.#now = now
    const entry: Entry = {
      request,
      ticket: this.#tickets++,
      waiter: request.tenant,
      share: this.#shareOf(request),
    }
    const size = { maxQueued: this.#options.places ?? Number.POSITIVE_INFINITY, isPerClient: false }
    if (this.#order.isFullFor(entry, size)) return request
    const displaced = this.#order.displacedBy(entry, size)
    this.#entries.set(request.id, entry)
    this.#order.push(entry)
    if (displaced !== undefined) this.remove(displaced.request, now)
    return displaced?.request
  }

  first(): SimulatedRequest | undefined {
    return this.#order.first?.request
  }

  remove(request: SimulatedRequest, now: number): void {
    this.#now = now
    this.#order.remove(this.#entries.get(request.id) as Entry)
    this.#entries.delete(request.id)
  }

  sent(request: SimulatedRequest, now: number): void {
    this.#now = now
    this.#services.set(request.id, this.#order.begin(this.#shareOf(request)))
    this.remove(request, now)
  }

  wrote({ id }: SimulatedRequest, output: number, now: number): void {
    this.#now = now
    this.#services.get(id)?.wrote(output)
  }

  ended({ id, input, written }: SimulatedRequest, now: number): void {
    this.#now = now
    const service = this.#services.get(id)
    service?.served({ input, output: written })
    service?.end()
    this.#services.delete(id)
  }

  #shareOf({ tenant, input, predicted }: SimulatedRequest): Share {
    const weight = this.#options.weights?.[tenant] ?? 1
    return { tenant, weight, work: { input, output: predicted }, counts: COUNTS }
  }
}
