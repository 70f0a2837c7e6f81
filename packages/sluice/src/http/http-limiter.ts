import type { Identify } from '../identity/identify.js'
import { IdentityUnavailableError } from '../identity/identity-unavailable.js'
import type { Decision, Refusal } from '../limiter/decision.js'
import { createLimiter, type Limiter, type LimiterOptions } from '../limiter/limiter.js'
import { checkOptions, OPTIONS } from '../limiter/limiter-options.js'
import type { Permit } from '../limiter/permit.js'
import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionTypeError } from '../option-error.js'
import { costOfView, type RequestView } from '../rules/costs/cost-of-request.js'
import type { KeySources } from '../rules/key-spec.js'
import { RequestError } from '../rules/request-error.js'
import type { Rule } from '../rules/rule.js'
import { StoreUnavailableError } from '../stores/resilience/store-unavailable.js'
import { addressList } from './address-list.js'
import { type AllowedDecision, admissionBy, recordAdmission } from './admitted-requests.js'
import type { ClientAddressOptions } from './client-address.js'
import { type OwnAnswer, readCustomResponse } from './custom-response.js'
import { checkErrorShapeOptions, type ErrorShapeOptions } from './error-shape.js'
import { checkFieldOptions, type FieldOptions, limitFields } from './limit-headers.js'
import type { LimitMethods } from './limit-methods.js'
import {
  type HttpAnswer,
  type Presentation,
  problem,
  refusalProblem,
  requestProblem,
  unavailableProblem,
} from './problem.js'
import { queryOf } from './query-string.js'
import type { HeaderList } from './ratelimit-headers.js'
import { BodyMemoryError } from './reading-memory.js'
import { type AddressAccess, requestAddresses } from './request-addresses.js'
import { type SkipOptions, skippedStatuses } from './skipped-responses.js'
import { asError } from './thrown-error.js'

/** Options of `limit(…)` in every adapter. */
export interface HttpLimitOptions<Request>
  extends Omit<LimiterOptions<Request>, 'keys' | 'needsBody'>,
    ClientAddressOptions,
    FieldOptions,
    ErrorShapeOptions,
    SkipOptions {
  /**
   * Identifies the client by the headers of a request, instead of `client`: the result of
   * `identity(…)` from `sluice/identity`.
   */
  readonly identify?: Identify
  /**
   * `true` passes a refused request to the error handler of the framework, as a `RefusalError` with
   * the status, the headers and the problem document, instead of responding to it: `next(error)` in
   * Express, `setErrorHandler` in Fastify, a rejection in Koa and `fetch` handlers, `onError` in Hono.
   * This includes requests that are malformed, unauthorized, or cannot be decided because the store
   * is unavailable. In NestJS, refusals are always thrown, as `LimitRefusal`. Default: `false`.
   */
  readonly throw?: boolean
  /**
   * Addresses and networks of clients that the limits do not apply to, such as `['10.0.0.0/8',
   * '2001:db8::/32']`. Their requests are not counted, get no rate limit headers, and still need to
   * pass `client`, `identify` and `require`. Behind a proxy, also set `trustedProxies`: otherwise
   * every request has the address of the proxy.
   *
   * A client whose address is malformed, or that a proxy does not disclose, is limited. Default:
   * none.
   */
  readonly allow?: readonly string[]
  /**
   * Creates the response to a refused request, instead of the problem document. The rate limit
   * headers are added to it.
   */
  readonly refuse?: (refusal: Refusal, request: Request) => MaybePromise<OwnAnswer>
}

/** Reads the requests of a framework. */
export interface RequestAccess<Request> extends AddressAccess<Request> {
  /**
   * Returns the value of a header.
   *
   * @throws RequestError if a single-value header was sent more than once and the framework can
   *   detect this
   */
  header(request: Request, name: string): string | undefined
  /**
   * Returns the method, in upper case. Without this function, CORS preflights are counted like other
   * requests.
   */
  method?(request: Request): string | undefined
  /** Returns the method and path template of the route, such as `POST /models/:model`. */
  route(request: Request): string
  /** Returns the parsed body, for costs that read it. Default: the `body` of the request. */
  body?(request: Request): MaybePromise<unknown>
  /**
   * Returns the size in bytes of a body without a declared length. Default: the size of a `body`
   * that is a string or bytes.
   */
  bodySize?(request: Request): MaybePromise<number | undefined>
  /** Calls `listener` when the client disconnects, and returns a function that stops watching. */
  onHangUp(request: Request, listener: () => void): () => void
}

/**
 * A decision for an adapter, which either adds the headers to the response and continues, or sends
 * the answer.
 */
export type HttpDecision =
  | {
      readonly allowed: true
      readonly fields: HeaderList
      /** Undefined if the request holds no slots to release. */
      readonly permit: Permit | undefined
      /**
       * Settles the request by the status of its response. Call it once the response has begun. Not
       * called for a response that never begins. Undefined if the status does not matter.
       */
      readonly onStatus: ((status: number) => void) | undefined
    }
  | {
      readonly allowed: false
      readonly answer: HttpAnswer
      /** True if the answer is thrown as a `RefusalError` instead of sent. */
      readonly isThrown?: true
    }

export interface HttpLimiter<Request extends object> {
  /**
   * Decides on a request. A request that this limiter has already admitted is not counted again, and
   * a CORS preflight is neither counted nor refused.
   * Throws or rejects with errors of the rules' functions, always as an Error.
   *
   * @param run identifies a run of the handler, if a request is counted once per run
   */
  decide(request: Request, run?: object): MaybePromise<HttpDecision>
  /** Attached to the result of `limit(…)`. */
  readonly methods: LimitMethods<Request>
}

/** Expands a limit string to options; returns options unchanged. */
export function optionsOf<Options extends HttpLimitOptions<never>>(options: string | Options): Options {
  // Report a value that is not an object here, before it is destructured.
  if (typeof options !== 'string' && (typeof options !== 'object' || options === null))
    checkOptions(options, [])
  return typeof options === 'string' ? ({ rules: [{ limit: options }] } as unknown as Options) : options
}

/** All options of `limit(…)`. `keys` is excluded because the adapter provides it. */
const HTTP_OPTIONS: readonly string[] = [
  ...OPTIONS.filter((option) => option !== 'keys'),
  'identify',
  'refuse',
  'throw',
  'allow',
  'trustedProxies',
  'forwardedHeader',
  'ipv6Subnet',
  'fields',
  'retryAfter',
  'xRateLimit',
  'partitionKeySecret',
  'skipFailed',
  'skipSuccessful',
  'errorShape',
  'maxRetryWait',
]

/** Creates the framework-independent part of an adapter. */
export function createHttpLimiter<Request extends object>(
  options: string | HttpLimitOptions<Request>,
  access: RequestAccess<Request>,
  ownOptions: readonly string[] = [],
): HttpLimiter<Request> {
  if (typeof options !== 'string') checkOptions(options, [...HTTP_OPTIONS, ...ownOptions])
  const {
    refuse,
    throw: throws,
    identify,
    allow,
    trustedProxies,
    forwardedHeader,
    ipv6Subnet,
    ...others
  } = optionsOf<HttpLimitOptions<Request>>(options)
  const {
    fields,
    retryAfter,
    xRateLimit,
    partitionKeySecret,
    skipFailed,
    skipSuccessful,
    errorShape,
    maxRetryWait,
    ...limiterOptions
  } = others
  const isSkipped = skippedStatuses({
    ...(skipFailed !== undefined && { skipFailed }),
    ...(skipSuccessful !== undefined && { skipSuccessful }),
  })
  if (identify !== undefined && limiterOptions.client !== undefined)
    throw new OptionTypeError(
      ['identify'],
      "'identify' and 'client' both identify the client; set only one of them",
    )
  if (throws !== undefined && typeof throws !== 'boolean')
    throw new OptionTypeError(['throw'], `'throw' must be true or false, not ${typeof throws}`)
  const addresses = requestAddresses(
    {
      ...(trustedProxies !== undefined && { trustedProxies }),
      ...(forwardedHeader !== undefined && { forwardedHeader }),
      ...(ipv6Subnet !== undefined && { ipv6Subnet }),
    },
    access,
  )
  const keys: KeySources<Request> = {
    ip: addresses.clientOf,
    route: access.route,
    header: access.header,
  }
  const identifying = identify && {
    client: (request: Request) => identify((name) => access.header(request, name), queryOf(request)),
  }
  const limiter = createLimiter({
    ...limiterOptions,
    rules: bindCosts(limiterOptions.rules, access),
    keys,
    ...identifying,
  })
  const exemption = allow && exemptionOf(allow, { ...limiterOptions, ...identifying })
  /** Returns the limiter of exempt clients; undefined if the client of the request is not exempt. */
  const exemptLimiterOf = (request: Request): Limiter<Request> | undefined => {
    if (exemption === undefined) return undefined
    try {
      const { address, isKnown } = addresses.originOf(request)
      return isKnown && exemption.allowed.has(address) ? exemption.limiter : undefined
    } catch {
      return undefined
    }
  }
  /**
   * Returns the client's address; undefined if it is unknown or malformed, which only matters to
   * rules that count by it.
   */
  const addressOf = (request: Request): string | undefined => {
    try {
      return keys.ip?.(request)
    } catch {
      return undefined
    }
  }
  const presentation: Presentation = errorShape === undefined ? {} : { errorShape }
  const headerOptions: FieldOptions & ErrorShapeOptions = {
    ...presentation,
    ...(maxRetryWait !== undefined && { maxRetryWait }),
    ...(fields !== undefined && { fields }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...(xRateLimit !== undefined && { xRateLimit }),
    ...(partitionKeySecret !== undefined && { partitionKeySecret }),
  }
  checkFieldOptions(headerOptions)
  checkErrorShapeOptions(headerOptions)
  const answerError = (error: unknown) => decisionOnError(error, presentation)
  const translate = (
    request: Request,
    decision: Decision,
    run: object | undefined,
  ): MaybePromise<HttpDecision> => {
    if (decision.allowed) return admission(request, decision, run)
    const { refusal } = decision
    const answer =
      refuse === undefined
        ? refusalProblem(refusal, presentation)
        : andThen(toMaybePromise(refuse(refusal, request)), readCustomResponse)
    return andThen(answer, ({ headers, ...rest }) => {
      const limitHeaders = limitFields(decision, headerOptions)
      return { allowed: false, answer: { ...rest, headers: [...headers, ...limitHeaders] } }
    })
  }
  const admission = (request: Request, decision: AllowedDecision, run: object | undefined): HttpDecision => {
    const permit = permitOfSlots(decision)
    try {
      recordAdmission(request, httpLimiter, decision, run)
      const onStatus = isSkipped && refundIf(isSkipped, decision)
      return { allowed: true, fields: limitFields(decision, headerOptions), permit, onStatus }
    } catch (error) {
      permit?.[Symbol.dispose]()
      throw error
    }
  }

  const hasQueues = limiterOptions.rules.some((rule) => 'wait' in rule)
  const admit = (request: Request) => (hasQueues ? admitQueued(request) : limiter.admit(request))
  /** Removes the request from the queue when its client disconnects. */
  const admitQueued = async (request: Request): Promise<Decision> => {
    const disconnected = new AbortController()
    const stopWatching = access.onHangUp(request, () => disconnected.abort(new ClientDisconnected()))
    try {
      const waiter = addressOf(request)
      return await limiter.admit(request, {
        signal: disconnected.signal,
        ...(waiter !== undefined && { waiter }),
      })
    } finally {
      stopWatching()
    }
  }

  const httpLimiter: HttpLimiter<Request> = {
    decide(request, run) {
      if (admissionBy(request, httpLimiter, run) !== undefined) return UNCOUNTED
      try {
        if (access.method?.(request) === 'OPTIONS' && isPreflight(request, access)) return UNCOUNTED
        const exempt = exemptLimiterOf(request)
        if (exempt !== undefined) {
          const passed = andThen(exempt.admit(request), () => UNCOUNTED)
          return passed instanceof Promise ? passed.catch(answerError) : passed
        }
        const decision = admit(request)
        if (decision instanceof Promise) return translateLater(request, decision, run)
        const translated = translate(request, decision, run)
        return translated instanceof Promise ? translated.catch(answerError) : translated
      } catch (error) {
        return answerError(error)
      }
    },
    methods: {
      async admit(request) {
        const earlier = admissionBy(request, httpLimiter)
        if (earlier !== undefined) return earlier
        const decision = await (exemptLimiterOf(request)?.admit(request) ?? admit(request))
        if (decision.allowed) recordAdmission(request, httpLimiter, decision)
        return decision
      },
      peek: async (request) => (exemptLimiterOf(request) ?? limiter).peek(request),
      usage: async (request) => (exemptLimiterOf(request) ?? limiter).usage(request),
      charge: (request, cost, options) => limiter.charge(request, cost, options),
      refund: (request, cost, options) => limiter.refund(request, cost, options),
      reset: async (request, options) => limiter.reset(request, options),
    },
  }
  const translateLater = (request: Request, pending: Promise<Decision>, run: object | undefined) =>
    pending.then((decision) => translate(request, decision, run)).catch(answerError)
  if (throws !== true) return httpLimiter
  const { methods } = httpLimiter
  return { decide: (request, run) => andThen(httpLimiter.decide(request, run), thrown), methods }
}

/** Marks a refusal as one to throw. */
function thrown(decision: HttpDecision): HttpDecision {
  return decision.allowed ? decision : { ...decision, isThrown: true }
}

/** The decision on a request that no rule counts. */
const UNCOUNTED: HttpDecision = { allowed: true, fields: [], permit: undefined, onStatus: undefined }

/** Returns the exempt addresses, and the limiter that identifies and checks their requests. */
function exemptionOf<Request>(allow: readonly string[], options: LimiterOptions<Request>) {
  const { client, require, refuseWith, listener } = options
  const limiter = createLimiter<Request>({
    rules: [],
    ...(client !== undefined && { client }),
    ...(require !== undefined && { require }),
    ...(refuseWith !== undefined && { refuseWith }),
    ...(listener !== undefined && { listener }),
  })
  return { allowed: addressList(allow, ['allow']), limiter }
}

/**
 * Reports whether an OPTIONS request is a CORS preflight. It has no credentials, and the request
 * that follows it is counted. An OPTIONS request with a body is no preflight.
 *
 * @throws RequestError if one of its headers was sent more than once
 */
function isPreflight<Request>(request: Request, { header }: RequestAccess<Request>): boolean {
  return (
    header(request, 'origin') !== undefined &&
    header(request, 'access-control-request-method') !== undefined &&
    header(request, 'transfer-encoding') === undefined &&
    (header(request, 'content-length') ?? '0') === '0'
  )
}

/**
 * Returns the rules, with predefined costs (`batchSize`, …) that read requests through the adapter.
 */
function bindCosts<Request extends object>(
  rules: readonly Rule<Request>[],
  access: RequestAccess<Request>,
): readonly Rule<Request>[] {
  // Several rules may need the body, which can be read only once.
  const bodies = new WeakMap<object, MaybePromise<unknown>>()
  const bodyOf = (request: Request & object): MaybePromise<unknown> => {
    if (access.body === undefined) return (request as { readonly body?: unknown }).body
    const pending = bodies.get(request)
    if (pending !== undefined) return pending
    const body = access.body(request)
    if (body instanceof Promise) bodies.set(request, body)
    return body
  }
  // If `rules` is not a list, `createLimiter` reports it.
  if (!Array.isArray(rules)) return rules
  return rules.map((rule: Rule<Request>) => {
    const costOf = costOfView(rule?.cost)
    return costOf === undefined
      ? rule
      : { ...rule, cost: (request: Request) => costOf(viewOf(request, access, bodyOf)) }
  })
}

function viewOf<Request>(
  request: Request,
  access: RequestAccess<Request>,
  bodyOf: (request: Request) => MaybePromise<unknown>,
): RequestView {
  return {
    header: (name) => access.header(request, name),
    body: () => bodyOf(request),
    size: () =>
      access.bodySize === undefined ? sizeOf((request as { body?: unknown }).body) : access.bodySize(request),
  }
}

function sizeOf(body: unknown): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.byteLength : undefined
}

/**
 * Returns the permit if the request holds slots, which must be released. Otherwise `permit` is not
 * accessed, because that would create it needlessly.
 */
function permitOfSlots(decision: AllowedDecision): Permit | undefined {
  const holdsSlots = decision.quotas.some(({ limit }) => limit.algorithm === 'concurrency')
  return holdsSlots ? decision.permit : undefined
}

/** Returns a function that refunds a request if the status of its response is skipped. */
function refundIf(isSkipped: (status: number) => boolean, decision: AllowedDecision) {
  return (status: number): void => {
    if (!isSkipped(status)) return
    // If the store fails here, the request stays charged.
    try {
      const refunded = decision.permit.refund()
      if (refunded instanceof Promise) refunded.catch(() => {})
    } catch {}
  }
}

/** An error for a client that disconnected while its request was queued. */
class ClientDisconnected extends Error {
  override readonly name = 'ClientDisconnected'
}

/**
 * Returns the response to a request that could not be decided on. Rethrows errors that are not
 * caused by the request or the store.
 */
function decisionOnError(error: unknown, presentation: Presentation): HttpDecision {
  if (
    error instanceof StoreUnavailableError ||
    error instanceof IdentityUnavailableError ||
    error instanceof BodyMemoryError
  )
    return { allowed: false, answer: unavailableProblem(error, presentation) }
  // The client is gone, but the framework expects a response.
  if (error instanceof ClientDisconnected)
    return { allowed: false, answer: problem(503, 'Client disconnected', 'The client disconnected.') }
  if (!(error instanceof RequestError)) throw asError(error)
  return { allowed: false, answer: requestProblem(error, presentation) }
}
