import type { Gate } from '../../simulation/gateway-parts.js'

/** At most `limit` requests in flight. */
export class StaticGate implements Gate {
  #inFlight = 0

  constructor(private readonly limit = Number.POSITIVE_INFINITY) {}

  isOpen(): boolean {
    return this.#inFlight < this.limit
  }

  sent(): void {
    this.#inFlight++
  }

  ended(): void {
    this.#inFlight--
  }

  rejected(): void {
    this.#inFlight--
  }
}
