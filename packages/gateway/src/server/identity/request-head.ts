import type { IncomingMessage } from 'node:http'
import { MalformedRequestError } from 'sluice'
import type { ClientAddressReader } from 'sluice/http'
import type { BodyHeaders } from '../../policy/body/body-format.js'
import { headerName, sameName } from '../../policy/headers/header-name.js'
import { namedByConnection } from '../http/proxy-headers.js'

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

  /**
   * By name in lower case. To read one throws MalformedRequestError where the upstream might read another: where it was sent more
   * than once, in another spelling (`X_Name`, `X.Name`), or where a Connection header takes it away.
   */
  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= soleValues(this.#message.rawHeaders)
    return this.#headers
  }

  /**
   * The value of a header that tells who the client is. Spelt with `_` its name is the same.
   *
   * @param name in lower case
   * @throws MalformedRequestError where it was sent more than once.
   */
  header(name: string): string | undefined {
    const { rawHeaders } = this.#message
    const wanted = sameName(name)
    let value: string | undefined
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      if (sameName(rawHeaders[index] as string) !== wanted) continue
      if (value !== undefined) repeated(name)
      value = rawHeaders[index + 1]
    }
    return value
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

/** Headers by name, in lower case; one that servers read in different ways throws when it is read. */
function soleValues(rawHeaders: readonly string[]): Record<string, string> {
  const values: Record<string, string> = Object.create(null)
  const removed = namedByConnection(rawHeaders)
  const refuse = (name: string, fail: (name: string) => never) =>
    Object.defineProperty(values, name, { get: () => fail(name), configurable: true })
  /** The names as they were sent, by their folded ones. */
  const sentNames = new Map<string, string>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase()
    const { folded } = headerName(rawHeaders[index] as string)
    const before = sentNames.get(folded)
    if (before !== undefined) {
      for (const spelling of [before, name, folded]) refuse(spelling, repeated)
      continue
    }
    sentNames.set(folded, name)
    if (name !== folded) refuse(folded, respelt)
    if (removed?.has(folded) && !folded.startsWith('content-')) refuse(name, removedByConnection)
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

function respelt(name: string): never {
  throw new MalformedRequestError(`the header '${name}' was sent in another spelling; send ${name}`)
}

function removedByConnection(name: string): never {
  throw new MalformedRequestError(
    `the header '${name}' is named by Connection, which keeps it from the upstream`,
  )
}
