import type { CallParameters } from '../shapes/shape.js'
import { InFlightPeak } from './in-flight-peak.js'
import { Lengths } from './lengths.js'
import { FULL_LEVEL, LOWEST_LEVEL, nextLevel } from './level.js'
import { RecentlyUsed } from './recently-used.js'

/** Maximum number of clients whose answers are remembered, over all routes and models. */
const MAX_CLIENTS = 10_000
/** Maximum number of models whose answers are remembered, over all routes. */
const MAX_MODELS = 1000
/** Maximum length of a model's name that is remembered. Longer ones share what is learned. */
const MAX_NAME = 200

/** The answers from which a client's own lengths count, and those of its model. */
const MIN_OF_CLIENT = 20
const MIN_OF_MODEL = 50

/** The quantile for a call that cannot be extended, or whose client is not known yet. */
const SAFE_LEVEL = 0.9

/** The calls of a client that may be in flight with less than their maximum reserved, in any case. */
const MIN_IN_FLIGHT = 8

/** How the output to reserve is chosen: an adaptive quantile, or always the same one. */
export type ReserveMode = 'learned' | 'p90'

/** Whose call it is. */
export interface Caller {
  readonly route: string
  /** Identifies the client, such as by its ID or address. */
  readonly client: string
}

/** The parts of a call that its prediction needs. */
export type PredictedCall = Pick<CallParameters, 'model' | 'maxOutput' | 'answers' | 'stream'>

/** What is known of the calls of one client with one model of a route. */
interface History {
  readonly own: Lengths
  readonly ofModel: Lengths
  level: number
}

/**
 * Predicts the output of calls from the lengths of earlier answers. It learns for each client and
 * each model of a route, and knows nothing of their texts.
 */
export class OutputPredictor {
  readonly #clients = new RecentlyUsed<History>(MAX_CLIENTS)
  readonly #models = new RecentlyUsed<Lengths>(MAX_MODELS)
  readonly #peaks = new RecentlyUsed<InFlightPeak>(MAX_CLIENTS)
  readonly #now: () => number

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * Predicts the output of a call, which counts as in flight until its prediction is ended.
   *
   * @param defaultOutput the output per answer that is assumed if nothing is known
   */
  predict(
    { route, client }: Caller,
    call: PredictedCall,
    mode: ReserveMode,
    defaultOutput: number,
  ): Prediction {
    const model = JSON.stringify([route, (call.model ?? '').slice(0, MAX_NAME)])
    const ofModel = this.#models.get(model, () => new Lengths())
    const history = this.#clients.get(`${model}${client}`, () => {
      return { own: new Lengths(), ofModel, level: LOWEST_LEVEL }
    })
    const peak = this.#peaks.get(JSON.stringify([route, client]), () => new InFlightPeak(this.#now()))
    const isGuarded = peak.inFlight >= Math.max(MIN_IN_FLIGHT, 2 * peak.before(this.#now()))
    const output = isGuarded
      ? mostOf(history, call, defaultOutput)
      : expectedOf(history, call, mode, defaultOutput)
    if (!isGuarded) peak.enter(this.#now())
    return new Prediction(output * call.answers, call, history, () => {
      if (!isGuarded) peak.leave(this.#now())
    })
  }
}

/** The predicted output of a call. Settle it with the actual output, and end it with the call. */
export class Prediction {
  #isSettled = false
  #hasEnded = false

  /** @param output the output tokens to reserve at first, of all answers */
  constructor(
    readonly output: number,
    private readonly call: PredictedCall,
    private readonly history: History,
    private readonly onEnd: () => void,
  ) {}

  /**
   * Learns from the answers of the call. Only the first settlement counts.
   *
   * @param output the actual output tokens of all answers
   * @param metEmptyBucket whether a limit could not hold more of the stream
   */
  settle(output: number, metEmptyBucket: boolean): void {
    if (this.#isSettled) return
    this.#isSettled = true
    const length = Math.ceil(output / this.call.answers)
    this.history.own.add(length)
    this.history.ofModel.add(length)
    if (this.call.stream) this.history.level = nextLevel(this.history.level, metEmptyBucket)
  }

  /** The call is over, whether or not it was admitted. Idempotent. */
  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.onEnd()
  }
}

/** Returns the output of one answer that is reserved at first. */
function expectedOf(history: History, call: PredictedCall, mode: ReserveMode, defaultOutput: number): number {
  const { own, ofModel, level } = history
  const { maxOutput = Number.POSITIVE_INFINITY, stream } = call
  if (own.answers >= MIN_OF_CLIENT) {
    if (mode === 'p90' || !stream) return Math.min(maxOutput, own.quantile(SAFE_LEVEL))
    if (level >= FULL_LEVEL) return mostOf(history, call, defaultOutput)
    return Math.min(maxOutput, own.quantile(level))
  }
  const known = ofModel.answers >= MIN_OF_MODEL ? ofModel.quantile(SAFE_LEVEL) : defaultOutput
  return Math.min(maxOutput, known)
}

/** Returns the most that one answer may take, or is known to have taken if there is no maximum. */
function mostOf({ own }: History, { maxOutput }: PredictedCall, defaultOutput: number): number {
  return maxOutput ?? Math.max(defaultOutput, own.quantile(1))
}
