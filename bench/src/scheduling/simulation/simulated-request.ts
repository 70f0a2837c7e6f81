import type { Arrival } from '../arrivals/arrival.js'

/** How a request left the gateway without a response. */
export type Refusal = 'line full' | 'waited too long' | 'refused by server' | 'rate limit'

/** A request and what happened to it. Times are in milliseconds since the start. */
export interface SimulatedRequest {
  readonly id: number
  readonly arrival: Arrival
  readonly tenant: string
  readonly input: number
  readonly output: number
  /** Tokens at the start of the response that are not shown. */
  readonly hidden: number
  /** The output that was predicted when the request was sent. */
  predicted: number
  sentAt?: number
  /** The server wrote the first token, shown or not. */
  firstTokenAt?: number
  /** The first shown token arrived. */
  begunAt?: number
  endedAt?: number
  refusal?: Refusal
  refusedAt?: number
  /** Output tokens written so far, with those that are not shown. */
  written: number
  /** How often the server refused it. */
  rejections: number
}

export function simulatedRequest(id: number, arrival: Arrival): SimulatedRequest {
  const { tenant, input, output, hidden = 0 } = arrival
  return { id, arrival, tenant, input, output, hidden, predicted: 0, written: 0, rejections: 0 }
}
