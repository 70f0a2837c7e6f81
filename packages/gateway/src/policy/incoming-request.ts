import type { IncomingMessage } from 'node:http'
import { type Client, RequestError } from 'sluice'
import { type LlmCall, type LlmOptions, readCall } from '../llm/llm-call.js'
import type { Target } from '../routing/target.js'
import type { WeighedRequest } from './gateway-request.js'
import type { RequestHead } from './request-head.js'

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
}

/** The body is still to come. A rule that reads it is decided on later. */
export class BodyPendingError extends RequestError {
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
  #query: Record<string, string> | undefined
  #body: { readonly value: unknown } | undefined
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

  get query(): Readonly<Record<string, string>> {
    this.#query ??= firstOfEach(new URLSearchParams(this.#parts.target.query))
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
    this.#body ??= { value: parseBody(this.#bytes) }
    return this.#body.value
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
    this.#call ??= readCall(llm, this.body, this.#bytes ?? NO_BYTES)
    return this.#call
  }

  /** As `RequestHead.header`. */
  header(name: string): string | undefined {
    return this.#parts.head.header(name)
  }
}

const NO_BYTES = Buffer.alloc(0)

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
