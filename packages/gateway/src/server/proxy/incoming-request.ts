import type { IncomingMessage } from 'node:http'
import { type Client, MalformedRequestError, parseDuration, RequestError } from 'sluice'
import { type BodyTypes, JSON_ONLY } from '../../policy/body/body-format.js'
import { multipartBoundary, parseMultipart } from '../../policy/body/multipart.js'
import type { MultipartForm } from '../../policy/body/multipart-form.js'
import { parseBody } from '../../policy/body/parse-body.js'
import { parsingMemory } from '../../policy/body/parsing-memory.js'
import { Parameters } from '../../policy/body/url-parameters.js'
import { clientLabel } from '../../policy/client-label.js'
import { comparableName } from '../../policy/headers/header-name.js'
import {
  type LlmCall,
  type LlmRouteOptions,
  optionsFor,
  readCall,
  shapeOf,
} from '../../policy/llm/llm-call.js'
import type { OutputPredictor } from '../../policy/llm/prediction/output-predictor.js'
import { predictionFor } from '../../policy/llm/prediction/predicted-call.js'
import {
  checkModel,
  checkSameModel,
  type ModelAccess,
  type RequestedModel,
  resolveFormModel,
  resolveModel,
  withFormModel,
  withModel,
} from '../../policy/model-access.js'
import type { ExpressionFailure, WeighedRequest } from '../../policy/policy-request.js'
import { decodedPath, type Target } from '../../policy/routing/target.js'
import type { RequestHead } from '../identity/request-head.js'

/** The header with the time in which a client wants the response to begin. */
const BEGIN_WITHIN = 'x-begin-within'

export interface IncomingRequestOptions {
  readonly message: IncomingMessage
  /** The ID of the request, for operators. */
  readonly id?: string | undefined
  /** The ID of its trace; undefined without tracing. */
  readonly traceId?: string | undefined
  readonly target: Target
  /** The route's name. */
  readonly route: string
  readonly params: Readonly<Record<string, string>>
  readonly head: RequestHead
  /** Undefined if anonymous. */
  readonly client: Client | undefined
  /** How model calls are parsed; undefined if no rule of the route limits tokens. */
  readonly llm: LlmRouteOptions | undefined
  /** How the model of a call is read; undefined if no rule needs it. */
  readonly models?: ModelAccess | undefined
  /** The model that the path names; undefined if the body names it, or no rule needs it. */
  readonly pathModel?: RequestedModel | undefined
  /** Undefined if the output of calls is never predicted. */
  readonly predictor?: OutputPredictor | undefined
  /** Media types whose bodies rules read. Default: JSON only. */
  readonly bodyTypes?: BodyTypes | undefined
  /** Called when an expression of the route could not be evaluated. */
  readonly onExpressionFailure?: ((route: string, failure: ExpressionFailure) => void) | undefined
}

/**
 * Thrown when a rule reads the body before it has been received. Such a rule decides once the body
 * has arrived.
 */
class BodyPendingError extends RequestError {
  override readonly name = 'BodyPendingError'
  constructor() {
    super('the request body has not been received')
  }
}

/** A request as seen by rules. Costly parts are parsed on first use. */
export class IncomingRequest implements WeighedRequest {
  readonly #options: IncomingRequestOptions
  #bytes: Buffer | undefined
  /** True if the body was received, or the request is known to have none. */
  #isReceived = false
  #query: Parameters | undefined
  #body: ParsedBody | undefined
  #call: LlmCall | undefined
  /** Undefined `form` if the body is not a form with files. */
  #form: { readonly form: MultipartForm | undefined } | undefined
  #model: RequestedModel | undefined
  #time: number | undefined

  constructor(options: IncomingRequestOptions) {
    this.#options = options
    this.#model = options.pathModel
  }

  get id(): string | undefined {
    return this.#options.id
  }

  get traceId(): string | undefined {
    return this.#options.traceId
  }

  get method(): string {
    return this.#options.message.method ?? 'GET'
  }

  get path(): string {
    return this.#options.target.path
  }

  get route(): string {
    return this.#options.route
  }

  get params(): Readonly<Record<string, string>> {
    return this.#options.params
  }

  get query(): Parameters {
    this.#query ??= parametersOf(this.#options.target.query)
    return this.#query
  }

  /** Reads `x-begin-within`, by which a client shortens the deadline of a limit with `first_token`. */
  get beginWithinMs(): number | undefined {
    const value = this.#options.head.header(BEGIN_WITHIN)
    if (value === undefined) return undefined
    try {
      return parseDuration(value.trim())
    } catch {
      throw new MalformedRequestError(
        `the header '${BEGIN_WITHIN}' must be a duration such as 800ms or 2s, more than zero`,
      )
    }
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#options.head.headers
  }

  /** @throws RequestError if a trusted proxy sent an address that cannot be parsed */
  get ip(): string {
    return this.#options.head.ip
  }

  get client(): Client | undefined {
    return this.#options.client
  }

  get time(): number {
    this.#time ??= Date.now()
    return this.#time
  }

  get body(): unknown {
    if (!this.#isReceived) throw new BodyPendingError()
    this.#body ??= this.#parseBody()
    if ('failure' in this.#body) throw this.#body.failure
    return this.#body.value
  }

  /** Failures are cached as well, since several rules may read the body. */
  #parseBody(): ParsedBody {
    const { bodyTypes = JSON_ONLY, head, models, pathModel } = this.#options
    try {
      const value = parseBody(this.#bytes, bodyTypes, head.bodyHeaders)
      if (pathModel !== undefined) checkSameModel(pathModel, value)
      else if (models !== undefined) this.#model = resolveModel(models, this.#decodedPath, value)
      return { value }
    } catch (failure) {
      return { failure }
    }
  }

  /** Returns the heap memory that parsing the body takes, in bytes; 0 if it is not parsed. */
  parsingMemory(bytes: Buffer): number {
    const { bodyTypes = JSON_ONLY, head } = this.#options
    try {
      return parsingMemory(bytes, bodyTypes.formatOf(head.bodyHeaders))
    } catch {
      // The request is refused, or its body is forwarded without being parsed.
      return 0
    }
  }

  /** @param bytes the body; undefined if the request has none */
  receiveBody(bytes: Buffer | undefined): void {
    this.#isReceived = true
    this.#bytes = bytes
  }

  /**
   * Releases the body and its parsed values, which can take many times the body's size in memory,
   * before the request is forwarded.
   */
  forgetBody(): void {
    this.#isReceived = false
    this.#bytes = undefined
    this.#body = undefined
    this.#form = undefined
    this.#call = undefined
  }

  get call(): LlmCall {
    const { llm, pathModel } = this.#options
    if (llm === undefined) throw new Error(`model calls are not metered on the route '${this.route}'`)
    const path = this.#decodedPath
    this.#call ??= this.#predicted(readCall(optionsFor(llm, path), this.#content, path, pathModel?.target))
    return this.#call
  }

  #predicted(call: LlmCall): LlmCall {
    const { predictor } = this.#options
    if (call.options.reserve === undefined || predictor === undefined) return call
    const caller = { route: this.route, client: clientLabel(this) }
    return { ...call, ...predictionFor(call, call.options, predictor, caller) }
  }

  get #decodedPath(): string {
    return decodedPath(this.#options.target)
  }

  /** What a model call is read from: a form with files if its API accepts one, or the body. */
  get #content(): unknown {
    this.#form ??= { form: this.#parseForm() }
    return this.#form.form ?? this.body
  }

  /** True if the API of the request accepts forms with files. */
  get #readsForms(): boolean {
    const { llm, models } = this.#options
    const api = llm ?? models
    return api !== undefined && shapeOf(api, this.#decodedPath)?.readForm !== undefined
  }

  #parseForm(): MultipartForm | undefined {
    const { models, head } = this.#options
    if (!this.#readsForms) return undefined
    if (!this.#isReceived) throw new BodyPendingError()
    const boundary = multipartBoundary(head.bodyHeaders)
    if (boundary === undefined || this.#bytes === undefined) return undefined
    const form = parseMultipart(this.#bytes, boundary)
    if (models === undefined) return form
    const resolved = resolveFormModel(models, form)
    this.#model = resolved.model
    return resolved.form
  }

  get model(): string {
    // Reads the model with the body.
    if (this.#model === undefined) void this.#content
    return this.#model?.target ?? ''
  }

  /** The model of the call if a rule has read it; undefined otherwise. */
  get knownModel(): string | undefined {
    return this.#model?.target
  }

  /** Checks whether the client may use the model of the call. @throws RequestError */
  checkModel(): void {
    const { models } = this.#options
    if (models === undefined) return
    void this.#content
    if (this.#model !== undefined) checkModel(models, this.#model, this)
  }

  /** Returns the body to forward, with the model in place of its alias. */
  forwardedBody(bytes: Buffer): Buffer {
    const { models, pathModel, head } = this.#options
    if (models === undefined || pathModel !== undefined || this.#model === undefined) return bytes
    const boundary = this.#readsForms ? multipartBoundary(head.bodyHeaders) : undefined
    return boundary === undefined
      ? withModel(models, this.#decodedPath, this.#model, bytes)
      : withFormModel(this.#model, bytes, boundary)
  }

  reportFailure(failure: ExpressionFailure): void {
    this.#options.onExpressionFailure?.(this.#options.route, failure)
  }

  header(name: string): string | undefined {
    const { headers } = this
    return headers[name] ?? headers[comparableName(name)]
  }
}

type ParsedBody = { readonly value: unknown } | { readonly failure: unknown }

/**
 * Parses a query.
 *
 * @param query one character per byte. Bytes beyond ASCII are treated as UTF-8 that is not
 *   percent-encoded, as servers do.
 */
function parametersOf(query: string): Parameters {
  const encoded = query.slice(1).replaceAll(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`)
  return new Parameters(encoded)
}
