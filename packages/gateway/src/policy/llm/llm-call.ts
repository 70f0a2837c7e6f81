import { RequestError } from 'sluice'
import { isFields } from './request/json-fields.js'
import { refuseOtherLetters } from './request/member-spelling.js'
import { type Reservation, reserve } from './reservation.js'
import type { Asked, Shape } from './shapes/shape.js'
import { TokenCounter, type Tokenizer } from './token-counter.js'

/** How the requests of a route are counted. */
export interface LlmOptions {
  readonly shape: Shape
  /** Tokens of output that are reserved for each answer where the request states no maximum. */
  readonly defaultOutput: number
  /** What an input token that the upstream had cached counts for, zero or more; 1 as any other. */
  readonly cachedWeight: number
  /** Whether the upstream is asked for the usage of a stream where the client did not; it is hidden from that client. */
  readonly asksForUsage: boolean
  /** Default: a quarter of the bytes. */
  readonly tokenizer?: Tokenizer
}

/** A request to a model as it was read. */
export interface LlmCall {
  readonly options: LlmOptions
  readonly asked: Asked
  readonly reservation: Reservation
}

/**
 * Reads what a request asks for and works out what to reserve for it. Linear in the size of the body.
 *
 * @param body a value of JSON, without members that are there twice
 * @throws RequestError that says which field is wrong; MalformedRequestError for members that servers read in different ways.
 */
export function readCall(options: LlmOptions, body: unknown): LlmCall {
  // The fields of a form are no JSON object.
  if (!isFields(body) || Object.getPrototypeOf(body) !== Object.prototype)
    throw new RequestError('the body of this request is a JSON object')
  if (options.shape.name !== 'custom') refuseOtherLetters(body)
  const input = new TokenCounter(options.tokenizer)
  const asked = options.shape.ask(body, input)
  return { options, asked, reservation: reserve(asked, input.tokens, options.defaultOutput) }
}
