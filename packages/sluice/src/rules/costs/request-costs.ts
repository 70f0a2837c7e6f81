import { andThen } from '../../maybe-promise.js'
import { RequestError } from '../request-error.js'
import { markedCost, type RequestView } from './cost-of-request.js'
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
  return costOfBody((body) => {
    const batch = find(body)
    if (Array.isArray(batch)) return batch.length
    throw new RequestError(`the body has no list at '${pointer}', by which this request is counted`)
  })
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
  return costOfBody((body) => {
    const model = find(body)
    if (typeof model !== 'string') throw new RequestError(`the body names no model at '${pointer}'`)
    const weight = Object.hasOwn(weights, model) ? weights[model] : otherwise
    if (weight !== undefined) return weight
    throw new RequestError(
      `the model at '${pointer}' of the body is none of ${Object.keys(weights).join(', ')}`,
    )
  })
}

/** How many pixels an image has whose width and height stand in the body: `pixels('/width', '/height')`. */
export function pixels(width: string, height: string): (request: RequestWithBody) => number {
  const sides = [width, height].map((pointer) => ({ pointer, find: jsonPointer(pointer) }))
  return costOfBody((body) =>
    sides.reduce((area, { pointer, find }) => {
      const side = find(body)
      if (typeof side === 'number' && Number.isSafeInteger(side) && side >= 1) return area * side
      throw new RequestError(
        `the body has no whole number from 1 on at '${pointer}', by which this request is counted`,
      )
    }, 1),
  )
}

/**
 * How many bytes the body has, by its `Content-Length`. A body of unknown length (chunked) is counted where it was read as bytes or text,
 * and else cannot be.
 */
export function bodyBytes(): (request: RequestWithBody & { readonly headers?: unknown }) => number {
  const cost = ({ headers, body }: RequestWithBody & { readonly headers?: unknown }) => {
    const read = (name: string) => headerOf(headers, name)
    return statedLength(read) ?? lengthOf(body) ?? emptyOrUnknown(body, read)
  }
  return markedCost(cost, (view) => {
    const stated = statedLength(view.header)
    if (stated !== undefined) return stated
    return andThen(view.size(), (size) => size ?? emptyOrUnknown(undefined, view.header))
  })
}

type HeaderOf = RequestView['header']

function headerOf(headers: unknown, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined
  const value = (headers as Readonly<Record<string, unknown>> | undefined)?.[name]
  return value === undefined ? undefined : String(value)
}

function statedLength(header: HeaderOf): number | undefined {
  const stated = header('content-length')
  return stated !== undefined && /^\d{1,15}$/.test(stated) ? Number(stated) : undefined
}

function lengthOf(body: unknown): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.byteLength : undefined
}

function emptyOrUnknown(body: unknown, header: HeaderOf): number {
  if (header('transfer-encoding') === undefined && body === undefined) return 0
  throw new RequestError('the body of this request has no stated length, by which it is counted')
}

/** A cost that is worked out from the parsed body. */
function costOfBody(of: (body: unknown) => number): (request: RequestWithBody) => number {
  const cost = ({ body }: RequestWithBody) => {
    if (typeof body === 'function' || body instanceof ReadableStream)
      throw new TypeError(
        "this request has no parsed body: give the function itself as the rule's 'cost', or call it with { body: await … }",
      )
    return of(body)
  }
  return markedCost(cost, ({ body }) => andThen(body(), of))
}
