import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { HttpAnswer } from './problem.js'

/** An answer of the user's own to a refusal. An object as body is sent as JSON. */
export interface OwnAnswer {
  /** From 200 to 599. Default 429. */
  readonly status?: number
  /** A list is sent as several values; undefined leaves a header out. The length and the framing follow from the body. */
  readonly headers?: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly body: string | object
}

/** Headers that follow from the body: another value would leave the client waiting, or put two answers into one. */
const FRAMING = ['content-length', 'transfer-encoding', 'trailer', 'connection', 'keep-alive', 'upgrade']

/** Statuses whose answers have no body. */
const WITHOUT_BODY = [204, 205, 304]

/**
 * Reads what the user's `refuse` returned.
 *
 * @throws TypeError, RangeError for an answer that cannot be sent. Node would throw while it is being sent, when it is too
 *   late for an error response.
 */
export function readCustomResponse(given: OwnAnswer): HttpAnswer {
  if (given === null || typeof given !== 'object')
    throw new TypeError(
      `'refuse' returns an answer such as { status: 429, body: 'slow down' }, not ${String(given)}`,
    )
  const { status = 429, headers = {}, body } = given
  if (!(Number.isInteger(status) && status >= 200 && status <= 599))
    throw new RangeError(`the status of an answer by 'refuse' is from 200 to 599, not ${String(status)}`)
  const json = typeof body !== 'string'
  const text = json ? jsonOf(body) : body
  const named = Object.entries(headers).flatMap(([name, value]) => readHeader(name.toLowerCase(), value))
  if (WITHOUT_BODY.includes(status)) return { status, headers: named, body: '' }
  const typed = named.some(([name]) => name === 'content-type')
  const type = ['content-type', json ? 'application/json' : 'text/plain; charset=utf-8'] as const
  return { status, headers: typed ? named : [type, ...named], body: text }
}

function jsonOf(body: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(body)
  } catch (error) {
    throw new TypeError("the body of an answer by 'refuse' cannot be written as JSON", { cause: error })
  }
  if (text !== undefined) return text
  throw new TypeError(`the body of an answer by 'refuse' is a string or an object, not ${typeof body}`)
}

function readHeader(name: string, value: unknown): (readonly [name: string, value: string])[] {
  if (value === undefined || FRAMING.includes(name)) return []
  const values = Array.isArray(value) ? value : [value]
  for (const each of values) {
    if (typeof each !== 'string' && typeof each !== 'number')
      throw new TypeError(`the header '${name}' of an answer by 'refuse' is a string, not ${typeof each}`)
  }
  const texts = values.map((each) => String(each).trim())
  try {
    validateHeaderName(name)
    for (const text of texts) validateHeaderValue(name, text)
  } catch (error) {
    throw new TypeError(`the header '${name}' of an answer by 'refuse' cannot be sent`, { cause: error })
  }
  // Only cookies may not share a line.
  return name === 'set-cookie' ? texts.map((text) => [name, text]) : [[name, texts.join(', ')]]
}
