import type { IncomingMessage } from 'node:http'
import { type Client, RequestError } from 'sluice'
import { type BodyTypes, JSON_ONLY } from '../../policy/body/body-format.js'
import { parseBody } from '../../policy/body/parse-body.js'
import { parsingMemory } from '../../policy/body/parsing-memory.js'
import { Parameters } from '../../policy/body/url-parameters.js'
import { sameName } from '../../policy/headers/header-name.js'
import { type LlmCall, type LlmOptions, readCall } from '../../policy/llm/llm-call.js'
import type { ExpressionFailure, WeighedRequest } from '../../policy/policy-request.js'
import type { Target } from '../../policy/routing/target.js'
import type { RequestHead } from '../identity/request-head.js'

export interface IncomingParts {
  readonly message: IncomingMessage
  readonly target: Target
  /** The route's name. */
  readonly route: string
  readonly params: Readonly<Record<string, string>>
  readonly head: RequestHead
  /** Who sends it, where that is known. */
  readonly client: Client | undefined
  /** How calls of a model are read on this route, where they are. */
  readonly llm: LlmOptions | undefined
  /** The media types of which rules read bodies. */
  readonly bodyTypes?: BodyTypes | undefined
  /** Is told which expressions of the route could not be worked out. */
  readonly reportFailure?: ((route: string, failure: ExpressionFailure) => void) | undefined
}

/** The body is still to come. A rule that reads it is decided on later. */
class BodyPendingError extends RequestError {
  override readonly name = 'BodyPendingError'
  constructor() {
    super('the request body has not been received')
  }
}

/** What came in, as rules see it. */
export class IncomingRequest implements WeighedRequest {
  readonly #parts: IncomingParts
  #bytes: Buffer | undefined
  /** Whether the body is here, or known to be none. */
  #isReceived = false
  #query: Parameters | undefined
  #body: ParsedBody | undefined
  #call: LlmCall | undefined

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

  get query(): Parameters {
    this.#query ??= parametersOf(this.#parts.target.query)
    return this.#query
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#parts.head.headers
  }

  /** @throws RequestError where a trusted proxy names an address that cannot be read. */
  get ip(): string {
    return this.#parts.head.ip
  }

  get client(): Client | undefined {
    return this.#parts.client
  }

  get body(): unknown {
    if (!this.#isReceived) throw new BodyPendingError()
    this.#body ??= this.#parseBody()
    if ('failure' in this.#body) throw this.#body.failure
    return this.#body.value
  }

  /** A failure is kept, too: several rules may ask. */
  #parseBody(): ParsedBody {
    const { bodyTypes = JSON_ONLY, head } = this.#parts
    try {
      return { value: parseBody(this.#bytes, bodyTypes, head.bodyHeaders) }
    } catch (failure) {
      return { failure }
    }
  }

  /** What it takes to read a body, in bytes of the heap; 0 where it is not read. */
  memoryToRead(bytes: Buffer): number {
    const { bodyTypes = JSON_ONLY, head } = this.#parts
    try {
      return parsingMemory(bytes, bodyTypes.formatOf(head.bodyHeaders))
    } catch {
      // It is refused, or passed on unread.
      return 0
    }
  }

  /** @param bytes of the body; undefined where there is none */
  receiveBody(bytes: Buffer | undefined): void {
    this.#isReceived = true
    this.#bytes = bytes
  }

  /** Lets go of the body and of what was read from it: it takes many times its size, and the request may run for long. */
  forgetBody(): void {
    this.#isReceived = false
    this.#bytes = undefined
    this.#body = undefined
    this.#call = undefined
  }

  get call(): LlmCall {
    const { llm } = this.#parts
    if (llm === undefined) throw new Error(`calls of a model are not read on the route '${this.route}'`)
    this.#call ??= readCall(llm, this.body)
    return this.#call
  }

  reportFailure(failure: ExpressionFailure): void {
    this.#parts.reportFailure?.(this.#parts.route, failure)
  }

  header(name: string): string | undefined {
    const { headers } = this
    return headers[name] ?? headers[sameName(name)]
  }
}

type ParsedBody = { readonly value: unknown } | { readonly failure: unknown }

/** @param query a character a byte; bytes beyond ASCII are UTF-8 that is not percent-encoded, as servers take them */
function parametersOf(query: string): Parameters {
  const encoded = query.slice(1).replaceAll(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`)
  return new Parameters(encoded)
}
