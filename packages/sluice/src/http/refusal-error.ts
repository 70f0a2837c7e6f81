import type { HttpAnswer } from './problem.js'
import type { HeaderList } from './ratelimit-headers.js'
import { responseOf } from './web-response.js'

/** Header values by lower-case name. */
export type ErrorHeaders = Readonly<Record<string, string | string[]>>

/**
 * The error for a refused request if the option `throw` is set. The error handler of the application
 * responds to it. Its properties are those that Express, Fastify, Koa and Hono read from errors.
 *
 *     app.use(async (context, next) => {
 *       try {
 *         await next()
 *       } catch (error) {
 *         if (!(error instanceof RefusalError)) throw error
 *         context.status = error.status
 *         context.set(error.headers)
 *         context.body = { message: error.message, problem: error.problem }
 *       }
 *     })
 */
export class RefusalError extends Error {
  override readonly name = 'RefusalError'
  /** The status of the response, such as 429. */
  readonly status: number
  /** The same as `status`. */
  readonly statusCode: number
  /** The headers of the response, such as `retry-after`, except `content-type`. */
  readonly headers: ErrorHeaders
  /** The problem document, or the body that `refuse` returned. A body that is not JSON is a string. */
  readonly problem: unknown
  /** True, because the message is written for clients. */
  readonly expose = true
  readonly #answer: HttpAnswer

  /** @param headers default: the headers of the answer */
  constructor(answer: HttpAnswer, headers: ErrorHeaders = errorHeaders(answer.headers)) {
    const document = documentOf(answer.body)
    super(detailOf(document) ?? 'The request was refused.')
    this.status = answer.status
    this.statusCode = answer.status
    this.headers = headers
    this.problem = document
    this.#answer = answer
  }

  /** Returns the response that is sent without `throw`. Hono calls this unless `onError` is set. */
  getResponse(): Response {
    return responseOf(this.#answer)
  }
}

/** Parses a body if it is a JSON object. */
export function documentOf(body: string): string | Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(body)
    return parsed !== null && typeof parsed === 'object'
      ? (parsed as Readonly<Record<string, unknown>>)
      : body
  } catch {
    return body
  }
}

/** Returns the explanation in a document: its `detail`, or the document if it is a string. */
export function detailOf(document: string | Readonly<Record<string, unknown>>): string | undefined {
  const { detail } = typeof document === 'string' ? { detail: document } : document
  return typeof detail === 'string' && detail !== '' ? detail : undefined
}

/** Returns the headers that describe a refusal whatever the body of the response is. */
export function refusalHeaders(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => name !== 'content-type')
}

function errorHeaders(list: HeaderList): ErrorHeaders {
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of refusalHeaders(list)) {
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return headers
}

/**
 * Creates the error for a refused request, and sets its headers on the response, so that any error
 * handler sends them. The error also carries them, joined with those of earlier limits, because
 * Express and Koa remove the headers of a response that fails.
 *
 * @param set sets headers on the response
 * @param get returns a header of the response
 */
export function refusalError(
  answer: HttpAnswer,
  set: (headers: HeaderList) => void,
  get: (name: string) => number | string | readonly string[] | undefined,
): RefusalError {
  const list = refusalHeaders(answer.headers)
  set(list)
  const headers: Record<string, string | string[]> = {}
  for (const [name] of list) {
    const value = get(name)
    if (value !== undefined) headers[name] = Array.isArray(value) ? [...value] : String(value)
  }
  return new RefusalError(answer, headers)
}
