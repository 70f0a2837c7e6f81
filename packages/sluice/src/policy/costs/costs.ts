import { RequestError } from '../request-error.js'
import { jsonPointer } from './json-pointer.js'

/**
 * Costs that are common where models are served, to be a rule's `cost`. Each throws RequestError for a request that lacks what it
 * reads, which is answered with 400: never free, unless the rule has a `fallbackCost`.
 */

/** A request whose body was read: as JSON, a text or bytes. */
export interface RequestWithBody {
  readonly body?: unknown
}

/**
 * How many elements the list has that a JSON pointer finds in the body: `batchSize('/instances')`; `''` where the body itself is the list.
 *
 * @throws SyntaxError for what is no JSON pointer.
 */
export function batchSize(pointer: string): (request: RequestWithBody) => number {
  const find = jsonPointer(pointer)
  return ({ body }) => {
    const batch = find(body)
    if (Array.isArray(batch)) return batch.length
    throw new RequestError(`the body has no list at '${pointer}', by which this request is counted`)
  }
}

/**
 * What the model costs that the body names: `modelWeight('/model', { light: 1, heavy: 10 })`.
 *
 * @param otherwise for models that are not listed. Default: such a request cannot be counted.
 * @throws SyntaxError for what is no JSON pointer; RangeError for a weight that is negative or not finite.
 */
export function modelWeight(
  pointer: string,
  weights: Readonly<Record<string, number>>,
  otherwise?: number,
): (request: RequestWithBody) => number {
  const find = jsonPointer(pointer)
  for (const [model, weight] of [...Object.entries(weights), ['other models', otherwise ?? 0] as const]) {
    if (!(Number.isFinite(weight) && weight >= 0))
      throw new RangeError(`the weight of ${model} is zero or more and finite, not ${weight}`)
  }
  return ({ body }) => {
    const model = find(body)
    if (typeof model !== 'string') throw new RequestError(`the body names no model at '${pointer}'`)
    const weight = Object.hasOwn(weights, model) ? weights[model] : otherwise
    if (weight !== undefined) return weight
    throw new RequestError(
      `the model at '${pointer}' of the body is none of ${Object.keys(weights).join(', ')}`,
    )
  }
}

/** How many pixels an image has whose width and height stand in the body: `pixels('/width', '/height')`. */
export function pixels(width: string, height: string): (request: RequestWithBody) => number {
  const sides = [width, height].map((pointer) => ({ pointer, find: jsonPointer(pointer) }))
  return ({ body }) =>
    sides.reduce((area, { pointer, find }) => {
      const side = find(body)
      if (typeof side === 'number' && Number.isSafeInteger(side) && side >= 1) return area * side
      throw new RequestError(
        `the body has no whole number from 1 on at '${pointer}', by which this request is counted`,
      )
    }, 1)
}

/**
 * How many bytes the body has, by its `Content-Length`. A body of unknown length (chunked) is counted where it was read as bytes or text,
 * and else cannot be.
 */
export function bodyBytes(): (
  request: RequestWithBody & {
    readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  },
) => number {
  return ({ headers, body }) => {
    const stated = headers['content-length']
    if (typeof stated === 'string' && /^\d{1,15}$/.test(stated)) return Number(stated)
    if (typeof body === 'string') return Buffer.byteLength(body)
    if (body instanceof Uint8Array) return body.byteLength
    if (headers['transfer-encoding'] === undefined && body === undefined) return 0
    throw new RequestError('the body of this request has no stated length, by which it is counted')
  }
}
