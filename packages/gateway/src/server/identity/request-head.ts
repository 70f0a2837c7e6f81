import type { IncomingMessage } from 'node:http'
import { MalformedRequestError } from 'sluice'
import type { ClientAddressReader } from 'sluice/http'
import type { BodyHeaders } from '../../policy/body/body-format.js'
import { comparableName, headerName } from '../../policy/headers/header-name.js'
import { namedByConnection } from '../http/proxy-headers.js'

/**
 * The parts of a request head that identify its client. Costly parts are parsed once, on first use.
 */
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
   * Headers by lower-case name.
   *
   * Reading one throws MalformedRequestError if the upstream might read another value: if it was
   * sent more than once or in another spelling (`X_Name`, `X.Name`), or if a Connection header
   * removes it on the way.
   */
  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= uniqueHeaders(this.#message.rawHeaders)
    return this.#headers
  }

  /**
   * Returns the value of a credential header. Names that differ only in `_` and `-` are equal.
   *
   * @param name in lower case
   * @throws MalformedRequestError if it was sent more than once
   */
  header(name: string): string | undefined {
    const { rawHeaders } = this.#message
    const comparedName = comparableName(name)
    let value: string | undefined
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      if (comparableName(rawHeaders[index] as string) !== comparedName) continue
      if (value !== undefined) repeated(name)
      value = rawHeaders[index + 1]
    }
    return value
  }

  /**
   * Returns the value of a header that only a trusted proxy writes; undefined if it is missing.
   *
   * @param name in lower case
   * @throws MalformedRequestError if it was sent more than once or in another spelling, which the
   *   proxy may have passed on from a client, or if it is empty or a list
   */
  proxyHeader(name: string): string | undefined {
    const [value, second] = this.valuesOf(name)
    if (second !== undefined) repeated(name)
    if (value !== undefined && (value.trim() === '' || value.includes(',')))
      throw new MalformedRequestError(`the header '${name}' must have one value; it is empty or a list`)
    return value
  }

  /**
   * Returns all values of a header.
   *
   * @param name in lower case
   * @throws MalformedRequestError if it was sent in another spelling
   */
  valuesOf(name: string): readonly string[] {
    const { rawHeaders } = this.#message
    const values: string[] = []
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const sent = rawHeaders[index] as string
      if (headerName(sent).folded !== name) continue
      if (sent.toLowerCase() !== name) misspelled(name)
      values.push(rawHeaders[index + 1] as string)
    }
    return values
  }

  /** The raw query with its `?`; `''` without one. */
  get query(): string {
    const url = this.#message.url ?? ''
    const queryAt = url.indexOf('?')
    return queryAt === -1 ? '' : url.slice(queryAt)
  }

  /**
   * The headers that describe the body. The value of a header in another spelling, such as with
   * `_`, is empty, because servers disagree about such headers.
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
   * The client's address in canonical form.
   *
   * @throws RequestError if a trusted proxy sent an address that cannot be parsed
   */
  get ip(): string {
    this.#ip ??= this.#addresses.clientOf(
      this.#message.socket.remoteAddress,
      this.#message.headers[this.#addresses.header]?.toString(),
    )
    return this.#ip
  }

  /** Reports whether the peer is a trusted proxy. */
  get isFromTrustedProxy(): boolean {
    return this.#addresses.isTrusted(this.#message.socket.remoteAddress)
  }
}

/**
 * Collects headers by lower-case name. Reading a header that servers may interpret differently
 * throws.
 */
function uniqueHeaders(rawHeaders: readonly string[]): Record<string, string> {
  const values: Record<string, string> = Object.create(null)
  const removed = namedByConnection(rawHeaders)
  const failOnRead = (name: string, fail: (name: string) => never) =>
    Object.defineProperty(values, name, { get: () => fail(name), configurable: true })
  /** Names as sent, by folded name. */
  const sentNames = new Map<string, string>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase()
    const { folded } = headerName(rawHeaders[index] as string)
    const before = sentNames.get(folded)
    if (before !== undefined) {
      for (const spelling of [before, name, folded]) failOnRead(spelling, repeated)
      continue
    }
    sentNames.set(folded, name)
    if (name !== folded) failOnRead(folded, misspelled)
    if (removed?.has(folded) && !folded.startsWith('content-')) failOnRead(name, removedByConnection)
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

function misspelled(name: string): never {
  throw new MalformedRequestError(`the header '${name}' was sent in another spelling; send ${name}`)
}

function removedByConnection(name: string): never {
  throw new MalformedRequestError(
    `the header '${name}' is listed in a Connection header, so it is not forwarded to the upstream; remove it from Connection`,
  )
}
