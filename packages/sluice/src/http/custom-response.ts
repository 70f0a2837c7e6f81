import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { HttpAnswer } from './problem.js'

/** A custom response to a refused request. An object as body is sent as JSON. */
export interface OwnAnswer {
  /** HTTP status from 200 to 599. Default 429. */
  readonly status?: number
  /**
   * A list is sent as several values, and undefined omits a header. Headers for length and framing
   * are derived from the body.
   */
  readonly headers?: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly body: string | object
}

/**
 * Headers that are derived from the body. Other values would stall the client or smuggle a second
 * response.
 */
const FRAMING_HEADERS = [
  'content-length',
  'transfer-encoding',
  'trailer',
  'connection',
  'keep-alive',
  'upgrade',
]

/** Statuses whose responses have no body. */
const STATUSES_WITHOUT_BODY = [204, 205, 304]

/**
 * Validates the return value of the `refuse` option.
 *
 * @throws TypeError, RangeError for a response that cannot be sent. Node would throw only while
 *   sending it, too late for an error response.
 */
export function readCustomResponse(response: OwnAnswer): HttpAnswer {
  if (response === null || typeof response !== 'object')
    throw new TypeError(
      `'refuse' must return a response such as { status: 429, body: 'slow down' }, not ${String(response)}`,
    )
  const { status = 429, headers = {}, body } = response
  if (!(Number.isInteger(status) && status >= 200 && status <= 599))
    throw new RangeError(
      `the status returned by 'refuse' must be a whole number from 200 to 599, not ${String(status)}`,
    )
  const isJson = typeof body !== 'string'
  const content = isJson ? jsonOf(body) : body
  const named = Object.entries(headers).flatMap(([name, value]) => readHeader(name.toLowerCase(), value))
  if (STATUSES_WITHOUT_BODY.includes(status)) return { status, headers: named, body: '' }
  const hasType = named.some(([name]) => name === 'content-type')
  const type = ['content-type', isJson ? 'application/json' : 'text/plain; charset=utf-8'] as const
  return { status, headers: hasType ? named : [type, ...named], body: content }
}

function jsonOf(body: unknown): string {
  let json: string | undefined
  try {
    json = JSON.stringify(body)
  } catch (error) {
    throw new TypeError("the body returned by 'refuse' cannot be serialized as JSON", { cause: error })
  }
  if (json !== undefined) return json
  throw new TypeError(`the body returned by 'refuse' must be a string or an object, not ${typeof body}`)
}

function readHeader(name: string, value: unknown): (readonly [name: string, value: string])[] {
  if (value === undefined || FRAMING_HEADERS.includes(name)) return []
  const values = Array.isArray(value) ? value : [value]
  for (const each of values) {
    if (typeof each !== 'string' && typeof each !== 'number')
      throw new TypeError(
        `the header '${name}' returned by 'refuse' must be a string or a number, not ${typeof each}`,
      )
  }
  const strings = values.map((each) => String(each).trim())
  try {
    validateHeaderName(name)
    for (const string of strings) validateHeaderValue(name, string)
  } catch (error) {
    throw new TypeError(`the header '${name}' returned by 'refuse' has an invalid name or value`, {
      cause: error,
    })
  }
  // Only cookies need one header line per value.
  return name === 'set-cookie' ? strings.map((string) => [name, string]) : [[name, strings.join(', ')]]
}
