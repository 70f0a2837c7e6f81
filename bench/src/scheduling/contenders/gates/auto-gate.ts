import { HandOverWindow, type SentRequest } from 'sluice/internal'
import type { Gate } from '../../simulation/gateway-parts.js'
import type { SimulatedRequest } from '../../simulation/simulated-request.js'

export interface AutoGateOptions {
  /** Number of servers behind the address. Default: 1. */
  readonly replicas?: number
  /** Target for the time between two tokens, in milliseconds. Default: none. */
  readonly gapMs?: number
  /** False if the upstream does not say how many tokens it wrote. Default: true. */
  readonly reportsUsage?: boolean
}

const MAX_IN_FLIGHT = 1_024

/** The hand-over window of the gateway: `concurrent: auto`. */
export class AutoGate implements Gate {
  readonly #window: HandOverWindow
  readonly #reportsUsage: boolean
  readonly #sent = new Map<number, SentRequest>()

  constructor({ replicas = 1, gapMs, reportsUsage = true }: AutoGateOptions = {}) {
    this.#window = new HandOverWindow({ max: MAX_IN_FLIGHT, replicas, gapMs })
    this.#reportsUsage = reportsUsage
  }

  isOpen(now: number): boolean {
    return this.#window.isOpen(now)
  }

  sent({ id, input }: SimulatedRequest, now: number): void {
    this.#sent.set(id, this.#window.sent(now, input, true))
  }

  began({ id }: SimulatedRequest, now: number): void {
    this.#window.began(this.#sentRequest(id), now)
  }

  wrote({ id }: SimulatedRequest, output: number, now: number): void {
    this.#window.wrote(this.#sentRequest(id), now, output)
  }

  ended({ id, output, hidden }: SimulatedRequest, now: number): void {
    const usage = this.#reportsUsage ? output : undefined
    const response = { isStream: true, output: usage, visibleOutput: output - hidden }
    this.#window.ended(this.#sentRequest(id), now, response)
    this.#sent.delete(id)
  }

  rejected({ id }: SimulatedRequest, now: number): void {
    this.#window.rejected(this.#sentRequest(id), now, 'overloaded')
    this.#sent.delete(id)
  }

  #sentRequest(id: number): SentRequest {
    return this.#sent.get(id) as SentRequest
  }
}
