import type { IncomingMessage } from 'node:http'
import { RequestError } from 'sluice'
import type { ClientAddressReader } from 'sluice/http'
import { sameName } from '../proxy/headers.js'
import type { Target } from '../routing/target.js'
import type { GatewayRequest } from './gateway-request.js'

export interface IncomingParts {
  readonly message: IncomingMessage
  readonly target: Target
  /** The route's name. */
  readonly route: string
  readonly params: Readonly<Record<string, string>>
  /** The body, where a rule reads it and the request has one. */
  readonly body: Buffer | undefined
  readonly addresses: ClientAddressReader
}

/** What came in, as rules see it. */
export class IncomingRequest implements GatewayRequest {
  readonly #parts: IncomingParts
  #query: Record<string, string> | undefined
  #headers: Record<string, string> | undefined
  #ip: string | undefined
  #body: { readonly value: unknown } | undefined

  constructor(parts: IncomingParts) {
    this.#parts = parts
  }

  get method(): string {
    return this.#parts.message.method ?? 'GET'
  }

  get path(): string {
    return this.#parts.target.path
  }

  get route(): string {
    return this.#parts.route
  }

  get params(): Readonly<Record<string, string>> {
    return this.#parts.params
  }

  get query(): Readonly<Record<string, string>> {
    this.#query ??= firstOfEach(new URLSearchParams(this.#parts.target.query))
    return this.#query
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= soleValues(this.#parts.message.rawHeaders)
    return this.#headers
  }

  /** @throws RequestError where a trusted proxy names an address that cannot be read. */
  get ip(): string {
    const { addresses, message } = this.#parts
    this.#ip ??= addresses.clientOf(
      message.socket.remoteAddress,
      message.headers['x-forwarded-for']?.toString(),
    )
    return this.#ip
  }

  get body(): unknown {
    this.#body ??= { value: parseBody(this.#parts.body) }
    return this.#body.value
  }

  /**
   * The value of a header that tells who the client is.
   *
   * @param name in lower case
   * @throws RequestError where it was sent more than once.
   */
  header(name: string): string | undefined {
    return this.headers[sameName(name)]
  }
}

/**
 * Headers by name, in lower case. Spelt with `_` a name is the same, since upstreams that run under CGI or WSGI read it so.
 * To read one that was sent more than once throws: the upstream might believe another one than was counted.
 */
function soleValues(rawHeaders: readonly string[]): Record<string, string> {
  const values: Record<string, string> = Object.create(null)
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = sameName(rawHeaders[index] ?? '')
    if (Object.hasOwn(values, name)) Object.defineProperty(values, name, { get: () => repeated(name) })
    else
      Object.defineProperty(values, name, {
        value: rawHeaders[index + 1],
        enumerable: true,
        configurable: true,
      })
  }
  return values
}

function repeated(name: string): never {
  throw new RequestError(`the header '${name}' was sent more than once`)
}

function firstOfEach(entries: Iterable<readonly [string, string]>): Record<string, string> {
  const record: Record<string, string> = Object.create(null)
  for (const [name, value] of entries) record[name] ??= value
  return record
}

function parseBody(body: Buffer | undefined): unknown {
  if (body === undefined || body.length === 0) {
    throw new RequestError(
      'a limit of this route is read from the request body, and there is none; send JSON',
    )
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new RequestError('a limit of this route is read from the request body, which is not valid JSON')
  }
}
