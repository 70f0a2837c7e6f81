import type { IncomingMessage } from 'node:http'
import { MalformedRequestError } from 'sluice'
import type { ClientAddressReader } from 'sluice/http'
import { headerName, sameName } from '../proxy/header-name.js'
import type { BodyHeaders } from './body/body-types.js'

/** The head of a request, as far as it says who sends it. What is costly to read is read when it is asked for, and once. */
export class RequestHead {
  readonly #message: IncomingMessage
  readonly #addresses: ClientAddressReader
  #headers: Readonly<Record<string, string>> | undefined
  #ip: string | undefined

  constructor(message: IncomingMessage, addresses: ClientAddressReader) {
    this.#message = message
    this.#addresses = addresses
  }

  /** By name in lower case, with `-` for `_`; to read one that was sent more than once throws MalformedRequestError. */
  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= soleValues(this.#message.rawHeaders)
    return this.#headers
  }

  /**
   * The value of a header that tells who the client is.
   *
   * @param name in lower case
   * @throws MalformedRequestError where it was sent more than once.
   */
  header(name: string): string | undefined {
    return this.headers[sameName(name)]
  }

  /**
   * The value of a header that only a trusted proxy writes. Undefined where it is not there.
   *
   * @param name in lower case
   * @throws MalformedRequestError where it is there in another spelling, which the proxy may have let through from a client; where it
   *   is there more than once; or where it is empty or a list.
   */
  proxyHeader(name: string): string | undefined {
    const [value, second] = this.valuesOf(name)
    if (second !== undefined) repeated(name)
    if (value !== undefined && (value.trim() === '' || value.includes(',')))
      throw new MalformedRequestError(`the header '${name}' must have one value; it is empty or a list`)
    return value
  }

  /**
   * The values of a header.
   *
   * @param name in lower case
   * @throws MalformedRequestError where it is there in another spelling.
   */
  valuesOf(name: string): readonly string[] {
    const { rawHeaders } = this.#message
    const values: string[] = []
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const sent = rawHeaders[index] as string
      if (headerName(sent).folded !== name) continue
      if (sent.toLowerCase() !== name)
        throw new MalformedRequestError(`the header '${name}' is there under another spelling`)
      values.push(rawHeaders[index + 1] as string)
    }
    return values
  }

  /** The query as it came, with its `?`; `''` where there is none. */
  get query(): string {
    const url = this.#message.url ?? ''
    const queryAt = url.indexOf('?')
    return queryAt === -1 ? '' : url.slice(queryAt)
  }

  /**
   * What the body is said to be. A header in another spelling, such as with `_`, says nothing: some servers take it for the one
   * with `-`, others do not.
   */
  get bodyHeaders(): BodyHeaders {
    const contentTypes: string[] = []
    const contentEncodings: string[] = []
    const { rawHeaders } = this.#message
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const name = rawHeaders[index] ?? ''
      const { folded } = headerName(name)
      const value = name.toLowerCase() === folded ? (rawHeaders[index + 1] ?? '') : ''
      if (folded === 'content-type') contentTypes.push(value)
      else if (folded === 'content-encoding') contentEncodings.push(value)
    }
    return { contentTypes, contentEncodings }
  }

  /**
   * The client's address in its one canonical form.
   *
   * @throws RequestError where a trusted proxy names an address that cannot be read.
   */
  get ip(): string {
    this.#ip ??= this.#addresses.clientOf(
      this.#message.socket.remoteAddress,
      this.#message.headers['x-forwarded-for']?.toString(),
    )
    return this.#ip
  }

  /** Whether the other end of the connection is a proxy that is believed. */
  get fromTrustedProxy(): boolean {
    return this.#addresses.isTrusted(this.#message.socket.remoteAddress)
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
  throw new MalformedRequestError(`the header '${name}' was sent more than once`)
}
