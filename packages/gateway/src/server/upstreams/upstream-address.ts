import { AddressHealth } from './address-health.js'
import type { Upstream } from './upstream.js'

/** The label of requests to which an upstream sent no response. */
const NO_RESPONSE = 'error'

/** One address of an upstream: its connections, its health and its counts. */
export class UpstreamAddress {
  readonly health = new AddressHealth()
  /** Completed attempts by status, or `NO_RESPONSE`. */
  readonly responses = new Map<string, number>()
  inFlight = 0

  constructor(readonly pool: Upstream) {}

  /** The host and port. */
  get host(): string {
    return this.pool.host
  }

  /** A check of the address ended. */
  onCheck(isHealthy: boolean, onHealthChange: (address: UpstreamAddress) => void): void {
    const before = this.health.isUp
    this.health.onCheck(performance.now(), isHealthy)
    if (this.health.isUp !== before) onHealthChange(this)
  }

  /** Starts an attempt to send a request to this address. */
  attempt(onHealthChange: (address: UpstreamAddress) => void): Attempt {
    this.inFlight++
    return new Attempt(this, onHealthChange)
  }
}

/** An attempt to send a request to an address. It must be ended once. */
export class Attempt {
  readonly #address: UpstreamAddress
  readonly #onHealthChange: (address: UpstreamAddress) => void
  readonly #isProbe: boolean
  #hasResult = false

  constructor(address: UpstreamAddress, onHealthChange: (address: UpstreamAddress) => void) {
    this.#address = address
    this.#onHealthChange = onHealthChange
    this.#isProbe = address.health.onRequest()
  }

  /** The head of the response arrived. */
  onResponse(status: number): void {
    this.#count(String(status))
    this.#change(() => this.#address.health.onResponse())
  }

  /** No response arrived. @param isConnectionError whether the address could not be reached */
  onFailure(isConnectionError: boolean): void {
    this.#count(NO_RESPONSE)
    if (isConnectionError)
      this.#change(() => this.#address.health.onFailure(performance.now(), this.#isProbe))
    else this.#abandon()
  }

  /** Ends the attempt, with or without a result. */
  end(): void {
    this.#address.inFlight--
    if (!this.#hasResult) this.#abandon()
  }

  #count(label: string): void {
    this.#hasResult = true
    const { responses } = this.#address
    responses.set(label, (responses.get(label) ?? 0) + 1)
  }

  #abandon(): void {
    if (this.#isProbe) this.#address.health.onProbeAbandoned()
  }

  #change(apply: () => void): void {
    const { health } = this.#address
    const before = health.isUp
    apply()
    if (health.isUp !== before) this.#onHealthChange(this.#address)
  }
}

/**
 * Chooses an address: the available one with the fewest requests in flight. If none is available,
 * the one that failed least recently.
 *
 * @param from the index at which the search begins, which decides between equal addresses
 * @param except an address that was already tried
 */
export function chooseAddress(
  addresses: readonly UpstreamAddress[],
  from: number,
  now: number,
  except?: UpstreamAddress,
): UpstreamAddress | undefined {
  let best: UpstreamAddress | undefined
  let leastRecent: UpstreamAddress | undefined
  for (let offset = 0; offset < addresses.length; offset++) {
    const address = addresses[(from + offset) % addresses.length] as UpstreamAddress
    if (address === except) continue
    const { health, inFlight } = address
    if (health.isAvailable(now) && (best === undefined || inFlight < best.inFlight)) best = address
    if (leastRecent === undefined || health.lastFailureAt < leastRecent.health.lastFailureAt)
      leastRecent = address
  }
  return best ?? leastRecent
}
