import { RequestError } from 'sluice'
import { MultipartForm } from '../body/multipart-form.js'
import { callPriceOf, type Pricing } from './call-price.js'
import type { Prediction, ReserveMode } from './prediction/output-predictor.js'
import type { CallPrice } from './price-list.js'
import { type Fields, isFields } from './request/json-fields.js'
import { rejectOtherCase } from './request/member-spelling.js'
import { type Reservation, reserve } from './reservation.js'
import type { CallParameters, Shape, ShapeFinder } from './shapes/shape.js'
import { TokenCounter, type Tokenizer } from './token-counter.js'
import { isPaidPath, unpricedError } from './unpriced-paths.js'

/** Options for counting model calls. */
export interface LlmOptions {
  readonly shape: Shape
  /** Output tokens reserved per answer if the request does not state a maximum. */
  readonly defaultOutput: number
  /** Weight of a cached input token, 0 or more. With 1, it counts like any other token. */
  readonly cachedWeight: number
  /**
   * True to request the usage of a stream if the client did not, and to remove it from the response
   * in that case.
   */
  readonly asksForUsage: boolean
  /** Default: one token per four bytes. */
  readonly tokenizer?: Tokenizer
  /** How calls reserve less than they may use; absent if they reserve all of it. */
  readonly reserve?: ReserveOptions
  /** How calls are priced; absent if no limit of the route counts money. */
  readonly pricing?: Pricing
}

/** How much a call reserves before its output is known. */
interface ReserveOptions {
  readonly mode: ReserveMode
  /** What happens to a stream that has used up its reservation while a limit cannot hold more. */
  readonly whenExhausted: WhenExhausted
}

/** `finish`: the stream goes on, and the limit is overdrawn. `cut`: the stream ends. */
export type WhenExhausted = 'finish' | 'cut'

/** Options for counting the model calls of a route, which may serve several APIs. */
export interface LlmRouteOptions extends Omit<LlmOptions, 'shape'> {
  readonly shape: Shape | ShapeFinder
}

/**
 * Returns the options for a request.
 *
 * @param path the decoded path of the request
 * @throws RequestError if no shape has the path, since the request would not be counted
 * @throws ForbiddenError if calls are priced, and the path belongs to another API that costs money
 */
export function optionsFor(options: LlmRouteOptions, path: string): LlmOptions {
  const found = shapeOf(options, path)
  if (found === options.shape) return options as LlmOptions
  if (found !== undefined) return { ...options, shape: found }
  if (options.pricing !== undefined && isPaidPath(path.split('/'))) throw unpricedError()
  throw new RequestError(
    'a limit of this route counts model calls, but the path of this request belongs to no known API',
  )
}

/** Returns the shape of a request; undefined if its path belongs to no known API. */
export function shapeOf({ shape }: Pick<LlmRouteOptions, 'shape'>, path: string): Shape | undefined {
  return typeof shape === 'function' ? shape(path) : shape
}

/** A model call as rules see it. */
export interface WeighedCall {
  readonly parameters: CallParameters
  readonly reservation: Reservation
  /** Undefined if the calls of the route are not priced. */
  readonly price?: CallPrice | undefined
  /** Undefined if everything that the call may use is reserved. */
  readonly prediction?: Prediction | undefined
}

/** A model call that was read from a request. */
export interface LlmCall extends WeighedCall {
  readonly options: LlmOptions
}

/**
 * Reads a model call and computes its reservation, in time linear in the size of the body.
 *
 * @param body a JSON value without duplicate members, or a form with files
 * @param path the decoded path of the request
 * @param model the model that the path names, if it was read before
 * @throws RequestError that names the invalid member
 * @throws MalformedRequestError for members that servers interpret differently
 */
export function readCall(options: LlmOptions, body: unknown, path = '', model?: string): LlmCall {
  const { shape, pricing } = options
  const input = new TokenCounter(options.tokenizer)
  const read =
    body instanceof MultipartForm && shape.readForm !== undefined
      ? shape.readForm(body, input, path)
      : shape.readRequest(checkedBody(shape, body), input, path)
  const parameters = model === undefined ? read : { ...read, model }
  const price = pricing && (shape.isFree === true ? pricing.list.free : callPriceOf(pricing, parameters))
  const reservation = reserve(parameters, input.tokens, options.defaultOutput)
  return { options, parameters, reservation, price }
}

function checkedBody({ name }: Shape, body: unknown): Fields {
  // The parameters of a form are an object, but not a JSON object.
  if (!isFields(body) || Object.getPrototypeOf(body) !== Object.prototype)
    throw new RequestError('the request body must be a JSON object')
  if (name !== 'custom') rejectOtherCase(body)
  return body
}
