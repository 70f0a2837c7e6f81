import type { SimulatedRequest } from './simulated-request.js'

/** The order in which the simulated gateway sends the requests that wait. */
export interface WaitingLine {
  readonly length: number
  /**
   * Adds a request.
   *
   * @returns the request that finds no place, which may be another one; undefined if all have one
   */
  push(request: SimulatedRequest, now: number): SimulatedRequest | undefined
  /** Returns the request to send next; undefined if none waits. */
  first(now: number): SimulatedRequest | undefined
  /** Removes a request that leaves without being sent. */
  remove(request: SimulatedRequest, now: number): void
  /** Removes a request that is sent, and charges it. */
  sent(request: SimulatedRequest, now: number): void
  /** Reports the output of a request so far. */
  wrote?(request: SimulatedRequest, output: number, now: number): void
  /** Reports that a request that was sent is over. `request.written` is its output. */
  ended?(request: SimulatedRequest, now: number): void
}

/** Decides whether the simulated gateway may send another request. */
export interface Gate {
  isOpen(now: number): boolean
  sent(request: SimulatedRequest, now: number): void
  /** The first shown output of the response has arrived. */
  began?(request: SimulatedRequest, now: number): void
  /** Reports the shown output of a response so far. */
  wrote?(request: SimulatedRequest, output: number, now: number): void
  ended(request: SimulatedRequest, now: number): void
  /** The server refused the request before its response began. */
  rejected?(request: SimulatedRequest, now: number): void
}

/** Predicts the output of a request. */
export interface Predictor {
  predict(request: SimulatedRequest): number
  /** Learns from a response that is complete. */
  settled(request: SimulatedRequest): void
}
