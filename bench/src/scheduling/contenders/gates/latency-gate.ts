import type { Gate } from '../../simulation/gateway-parts.js'
import type { SimulatedRequest } from '../../simulation/simulated-request.js'

/** What a limiter learns from a response. */
export interface LatencySample {
  /** From the sending of the request to the end of its response, in milliseconds. */
  readonly durationMs: number
  /** Requests in flight when it was sent, itself included. */
  readonly inFlight: number
  /** From the sending of the request to the first shown token, in milliseconds. */
  readonly firstTokenMs: number
  /** Mean time between two shown tokens, in milliseconds; undefined for a single token. */
  readonly gapMs: number | undefined
  /** True if the server refused the request. */
  readonly isRejected: boolean
}

/** Adapts a limit on the requests in flight to what is seen of the responses. */
export interface AdaptiveLimit {
  readonly limit: number
  add(sample: LatencySample, now: number): void
}

/** At most as many requests in flight as an adaptive limit allows. */
export class LatencyGate implements Gate {
  #inFlight = 0
  readonly #inFlightAtStart = new Map<number, number>()

  constructor(private readonly adaptive: AdaptiveLimit) {}

  isOpen(): boolean {
    return this.#inFlight < Math.floor(this.adaptive.limit)
  }

  sent({ id }: SimulatedRequest): void {
    this.#inFlightAtStart.set(id, ++this.#inFlight)
  }

  ended(request: SimulatedRequest, now: number): void {
    this.#add(request, now, false)
  }

  rejected(request: SimulatedRequest, now: number): void {
    this.#add(request, now, true)
  }

  #add(
    { id, sentAt = 0, begunAt, written, hidden }: SimulatedRequest,
    now: number,
    isRejected: boolean,
  ): void {
    const inFlight = this.#inFlightAtStart.get(id) ?? this.#inFlight
    this.#inFlightAtStart.delete(id)
    this.#inFlight--
    const shown = written - hidden
    this.adaptive.add(
      {
        durationMs: now - sentAt,
        inFlight,
        firstTokenMs: (begunAt ?? now) - sentAt,
        gapMs: shown > 1 ? (now - (begunAt ?? now)) / (shown - 1) : undefined,
        isRejected,
      },
      now,
    )
  }
}
