import { andThen } from '../../maybe-promise.js'
import { RequestError } from '../request-error.js'
import { markCost, type RequestView } from './cost-of-request.js'
import { jsonPointer } from './json-pointer.js'

/** A request whose body was read as JSON, a string or bytes. */
export interface RequestWithBody {
  readonly body?: unknown
}

/**
 * Creates a `cost` that counts the elements of a list in the body: `batchSize('/instances')`. With
 * `''`, the body is the list. A request without the list fails with a RequestError (400), unless
 * the rule has a `fallbackCost`.
 *
 * @throws SyntaxError for an invalid JSON pointer.
 */
export function batchSize(pointer: string): (request: RequestWithBody) => number {
  const find = jsonPointer(pointer)
  return costOfBody((body) => {
    const batch = find(body)
    if (Array.isArray(batch)) return batch.length
    throw new RequestError(`the body has no list at '${pointer}'; its length is the cost of this request`)
  })
}

/**
 * Creates a `cost` that depends on the model named in the body: `modelWeight('/model', { light: 1,
 * heavy: 10 })`.
 *
 * @param otherwise the weight of models that are not listed. Default: such a request fails with a
 *   RequestError (400).
 * @throws SyntaxError for an invalid JSON pointer; RangeError for a weight that is negative or not
 *   finite.
 */
export function modelWeight(
  pointer: string,
  weights: Readonly<Record<string, number>>,
  otherwise?: number,
): (request: RequestWithBody) => number {
  const find = jsonPointer(pointer)
  for (const [model, weight] of [...Object.entries(weights), ['other models', otherwise ?? 0] as const]) {
    if (!(Number.isFinite(weight) && weight >= 0))
      throw new RangeError(`the weight of ${model} must be finite and at least 0, not ${weight}`)
  }
  return costOfBody((body) => {
    const model = find(body)
    if (typeof model !== 'string') throw new RequestError(`the body has no model name at '${pointer}'`)
    const weight = Object.hasOwn(weights, model) ? weights[model] : otherwise
    if (weight !== undefined) return weight
    throw new RequestError(
      `unknown model at '${pointer}' in the body; use one of ${Object.keys(weights).join(', ')}`,
    )
  })
}

/**
 * Creates a `cost` that multiplies width and height from the body: `pixels('/width', '/height')`.
 */
export function pixels(width: string, height: string): (request: RequestWithBody) => number {
  const sides = [width, height].map((pointer) => ({ pointer, find: jsonPointer(pointer) }))
  return costOfBody((body) =>
    sides.reduce((area, { pointer, find }) => {
      const side = find(body)
      if (typeof side === 'number' && Number.isSafeInteger(side) && side >= 1) return area * side
      throw new RequestError(
        `the body has no whole number of at least 1 at '${pointer}'; the cost of this request depends on it`,
      )
    }, 1),
  )
}

/**
 * Creates a `cost` that counts the bytes of the body by its `Content-Length`. A body of unknown
 * length (chunked) is counted if it was read as bytes or a string. Otherwise the request fails
 * with a RequestError (400).
 */
export function bodyBytes(): (request: RequestWithBody & { readonly headers?: unknown }) => number {
  const cost = ({ headers, body }: RequestWithBody & { readonly headers?: unknown }) => {
    const read = (name: string) => headerOf(headers, name)
    return declaredLength(read) ?? lengthOf(body) ?? emptyOrUnknown(body, read)
  }
  return markCost(cost, (view) => {
    const declared = declaredLength(view.header)
    if (declared !== undefined) return declared
    return andThen(view.size(), (size) => size ?? emptyOrUnknown(undefined, view.header))
  })
}

type HeaderOf = RequestView['header']

function headerOf(headers: unknown, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined
  const value = (headers as Readonly<Record<string, unknown>> | undefined)?.[name]
  return value === undefined ? undefined : String(value)
}

function declaredLength(header: HeaderOf): number | undefined {
  const declared = header('content-length')
  return declared !== undefined && /^\d{1,15}$/.test(declared) ? Number(declared) : undefined
}

function lengthOf(body: unknown): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.byteLength : undefined
}

function emptyOrUnknown(body: unknown, header: HeaderOf): number {
  if (header('transfer-encoding') === undefined && body === undefined) return 0
  throw new RequestError('the request has no Content-Length; the cost of this request depends on it')
}

/** Creates a cost from a function of the parsed body. */
function costOfBody(compute: (body: unknown) => number): (request: RequestWithBody) => number {
  const cost = ({ body }: RequestWithBody) => {
    if (typeof body === 'function' || body instanceof ReadableStream)
      throw new TypeError(
        "this request has no parsed body: pass the function itself as the rule's 'cost', or call it with { body: await … }",
      )
    return compute(body)
  }
  return markCost(cost, ({ body }) => andThen(body(), compute))
}
