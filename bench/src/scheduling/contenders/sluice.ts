import type { Gate, Predictor, WaitingLine } from '../simulation/gateway-parts.js'
import type { Contender } from './contender.js'
import { AutoGate, type AutoGateOptions } from './gates/auto-gate.js'
import { FairLine, type FairLineOptions } from './lines/fair-line.js'
import { FirstComeLine } from './lines/first-come-line.js'
import { MedianPredictor } from './median-predictor.js'

export function autoGate(options?: AutoGateOptions): () => Gate {
  return () => new AutoGate(options)
}

export function fairLine(options: FairLineOptions = {}): () => WaitingLine {
  return () => new FairLine(options)
}

export function fairPredictor(): Predictor {
  return new MedianPredictor()
}

/** `concurrent: auto` with `fair`. */
export function autoFair(options: FairLineOptions = {}): Contender {
  return { line: fairLine(options), gate: autoGate(), predictor: fairPredictor }
}

/** `concurrent: auto`, first come, first served. */
export function autoFirstCome({
  places,
  ...options
}: AutoGateOptions & { readonly places?: number } = {}): Contender {
  return { line: () => new FirstComeLine(places), gate: autoGate(options) }
}
