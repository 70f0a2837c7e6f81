import type { Gate, Predictor, WaitingLine } from '../simulation/gateway-parts.js'
import { type Run, type Setup, simulate } from '../simulation/simulate.js'

/** A way to schedule requests: an order in which they wait, and a limit on what is sent. */
export interface Contender {
  readonly line: () => WaitingLine
  readonly gate: () => Gate
  readonly predictor?: () => Predictor
}

/** Runs a contender on the arrivals of a setup. */
export function runContender(
  { line, gate, predictor }: Contender,
  setup: Omit<Setup, 'line' | 'gate' | 'predictor'>,
): Run {
  return simulate({ ...setup, line: line(), gate: gate(), ...(predictor && { predictor: predictor() }) })
}
