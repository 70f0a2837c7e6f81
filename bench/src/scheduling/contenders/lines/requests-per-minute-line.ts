import type { SimulatedRequest } from '../../simulation/simulated-request.js'
import { FirstComeLine } from './first-come-line.js'

const MINUTE_MS = 60_000

/**
 * First come, first served, with a limit of requests per minute and tenant. Requests beyond it are
 * refused on arrival. A request counts for 60 seconds, as in the RPM baseline of Sheng et al. (OSDI'24;
 * Ying1123/VTC-artifact at 192c2e2, `lshare_req_queue.py`).
 */
export class RequestsPerMinuteLine extends FirstComeLine {
  readonly #admittedAt = new Map<string, number[]>()

  constructor(private readonly limit: number) {
    super()
  }

  override push(request: SimulatedRequest): SimulatedRequest | undefined {
    const { tenant, arrival } = request
    const recent = (this.#admittedAt.get(tenant) ?? []).filter((at) => arrival.at - at <= MINUTE_MS)
    if (recent.length >= this.limit) {
      request.refusal = 'rate limit'
      return request
    }
    this.#admittedAt.set(tenant, [...recent, arrival.at])
    return super.push(request)
  }
}
