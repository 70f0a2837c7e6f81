import { type Client, RequestError } from 'sluice'
import { Parameters } from '../../policy/body/url-parameters.js'
import { clientLabel } from '../../policy/client-label.js'
import { comparableName } from '../../policy/headers/header-name.js'
import type { LlmRouteOptions, WeighedCall } from '../../policy/llm/llm-call.js'
import type { OutputPredictor, Prediction } from '../../policy/llm/prediction/output-predictor.js'
import { predictionFor } from '../../policy/llm/prediction/predicted-call.js'
import { type Reservation, reserve } from '../../policy/llm/reservation.js'
import type { CallParameters } from '../../policy/llm/shapes/shape.js'
import { type WorkUnit, workUnitsOf } from '../../policy/llm/work.js'
import type { WeighedRequest } from '../../policy/policy-request.js'
import type { TraceRequest } from '../trace/trace-request.js'
import { NO_MODEL, recordedPrice, recordedShape } from './recorded-money.js'

/** Address of a request with neither a recorded address nor a client. */
const UNKNOWN_ADDRESS = 'unknown'

/** A call whose output was predicted. */
export type PredictedCall = WeighedCall & { readonly prediction: Prediction }

/** The reason why a rule is skipped if the tokens of a model call are unknown. */
export const NO_TOKENS = 'the trace has no input_tokens'

/**
 * A recorded request, as seen by rules. If no address was recorded, the client name is used
 * instead.
 */
export class ReplayedRequest implements WeighedRequest {
  /** Reasons why rules are skipped, by the index of the rule in the policy. */
  readonly skippedRules = new Map<number, string>()

  #prediction: ReturnType<typeof predictionFor> | undefined

  constructor(
    readonly recorded: TraceRequest,
    readonly route: string,
    readonly path: string,
    readonly search: string,
    readonly params: Readonly<Record<string, string>>,
    readonly time: number,
    private readonly llm: LlmRouteOptions | undefined,
    private readonly predictor?: OutputPredictor,
  ) {}

  get method(): string {
    return this.recorded.method ?? 'POST'
  }

  get query(): Parameters {
    return new Parameters(this.search.slice(1))
  }

  get headers(): Readonly<Record<string, string>> {
    return this.recorded.headers ?? {}
  }

  get ip(): string {
    return this.recorded.ip ?? this.recorded.client ?? UNKNOWN_ADDRESS
  }

  get client(): Client | undefined {
    const { client: id, tier, labels } = this.recorded
    if (id === undefined) return undefined
    if (labels !== undefined) return { id, labels, ...(tier !== undefined && { tier }) }
    return tier === undefined ? { id } : { id, tier }
  }

  get body(): never {
    throw new RequestError('the trace has no bodies')
  }

  get model(): string {
    const { model } = this.recorded
    if (model === undefined) throw new RequestError(NO_MODEL)
    return model
  }

  /**
   * Checks that the work of the model call in a unit was recorded, unless its API has no such work.
   *
   * @throws RequestError
   */
  checkWork(unit: WorkUnit): void {
    const shape = this.llm && recordedShape(this.llm, this.recorded)
    if (shape !== undefined && shape.counts?.includes(unit) !== true) return
    if (this.recorded.call === undefined || !workUnitsOf(this.recorded.call).includes(unit))
      throw new RequestError(`the trace has no ${unit}`)
  }

  /** The model call, with the parameters that its reservation needs. */
  get call(): WeighedCall {
    if (this.llm === undefined) throw new Error(`model calls are not metered on the route '${this.route}'`)
    const { recorded } = this
    const { input, maxOutput, model, call } = recorded
    if (input === undefined) throw new RequestError(NO_TOKENS)
    const { input: reserved = input, answers = 1, priceId: _, ...work } = call ?? {}
    const { shape, pricing, defaultOutput, reserve: reserveOptions } = this.llm
    const parameters = {
      // A record does not say whether the answer is a stream. Most are, and only these are extended.
      ...{ model: model || undefined, stream: reserveOptions !== undefined, wantsUsage: false },
      ...{ maxOutput, answers },
      ...work,
    }
    const reservation = reserve(parameters, reserved, defaultOutput)
    return {
      parameters,
      reservation,
      ...this.#predictionFor(parameters, reservation, this.llm),
      // Only rules that count money need it, and it throws for a model without a price.
      get price() {
        return pricing && recordedPrice({ shape, pricing }, recorded)
      },
    }
  }

  /** Predicts the output once, although each rule reads the call. */
  #predictionFor(parameters: CallParameters, reservation: Reservation, llm: LlmRouteOptions) {
    const caller = { route: this.route, client: clientLabel(this) }
    this.#prediction ??= predictionFor({ parameters, reservation }, llm, this.predictor, caller)
    return this.#prediction
  }

  /** The call if its output was predicted, because a rule has read it. */
  get predictedCall(): PredictedCall | undefined {
    const prediction = this.#prediction?.prediction
    return prediction && { ...this.call, prediction }
  }

  header(name: string): string | undefined {
    return this.recorded.headers?.[comparableName(name)]
  }
}
