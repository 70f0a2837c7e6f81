import type { Identify } from '../identity/identify.js'
import { IdentityUnavailableError } from '../identity/identity-unavailable.js'
import type { Decision, Refusal } from '../limiter/decision.js'
import { createLimiter, type LimiterOptions } from '../limiter/limiter.js'
import { checkOptions, OPTIONS } from '../limiter/limiter-options.js'
import type { Permit } from '../limiter/permit.js'
import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionTypeError } from '../option-error.js'
import { costOfView, type RequestView } from '../rules/costs/cost-of-request.js'
import type { KeySources } from '../rules/key-spec.js'
import { RequestError } from '../rules/request-error.js'
import type { Rule } from '../rules/rule.js'
import { StoreUnavailableError } from '../stores/resilience/store-unavailable.js'
import { type AllowedDecision, noteAdmission, wasAdmittedBy } from './admitted-requests.js'
import { type ClientAddressOptions, clientAddressReader } from './client-address.js'
import { type OwnAnswer, readCustomResponse } from './custom-response.js'
import { type FieldOptions, limitFields } from './limit-headers.js'
import { type HttpAnswer, problem, refusalProblem, requestProblem, unavailableProblem } from './problem.js'
import { queryOf } from './query-string.js'
import type { Fields } from './ratelimit-headers.js'
import { BodyMemoryError } from './reading-memory.js'
import { asError } from './thrown-error.js'

/** What `limit(…)` of every adapter takes. */
export interface HttpLimitOptions<Request>
  extends Omit<LimiterOptions<Request>, 'keys' | 'needsBody'>,
    ClientAddressOptions,
    FieldOptions {
  /** Finds out who the client is from the headers of a request, in place of `client`: what `identity(…)` of `sluice/identity` gives. */
  readonly identify?: Identify
  /** Makes the answer to a refused request, in place of the problem document. The limit's fields are added. */
  readonly refuse?: (refusal: Refusal, request: Request) => MaybePromise<OwnAnswer>
}

/** How an adapter reads its framework's requests. */
export interface RequestAccess<Request> {
  /** The address at the other end of the connection. */
  peer(request: Request): string | undefined
  /** @throws RequestError where a header that can have one value was sent more than once, if that can be told. */
  header(request: Request, name: string): string | undefined
  /** All of `X-Forwarded-For`. */
  forwardedFor(request: Request): string | undefined
  /** Method and template of the route. */
  route(request: Request): string
  /** The parsed body, for costs that read it. Default: the request's own `body`. */
  body?(request: Request): MaybePromise<unknown>
  /** How many bytes a body of no stated length has. Default: what a body in bytes or text says. */
  bodySize?(request: Request): MaybePromise<number | undefined>
  /** Calls `gone` when the client hangs up, and returns what ends the watch. */
  onHangUp(request: Request, gone: () => void): () => void
}

/** What an adapter has to do: let the request go on with these fields on its answer, or send the answer given. */
export type HttpDecision =
  | {
      readonly allowed: true
      readonly fields: Fields
      /** Undefined where it holds no slots that have to be released. */
      readonly permit: Permit | undefined
    }
  | { readonly allowed: false; readonly answer: HttpAnswer }

export interface HttpLimiter<Request extends object> {
  /**
   * Decides on a request. One that was let in is not counted again, however often it is asked. What the rules' own functions
   * throw is passed on, as an Error.
   *
   * @param run for a request that is counted once for each of several runs of a handler: what tells them apart
   */
  decide(request: Request, run?: object): MaybePromise<HttpDecision>
}

/** The options that a limit string is short for; options as they are. */
export function optionsOf<Options extends HttpLimitOptions<never>>(options: string | Options): Options {
  // What is no object has no options to be told apart; what is wrong with it is said here.
  if (typeof options !== 'string' && (typeof options !== 'object' || options === null))
    checkOptions(options, [])
  return typeof options === 'string' ? ({ rules: [{ limit: options }] } as unknown as Options) : options
}

/** All options of `limit(…)`; the adapter brings the keys itself. */
const HTTP_OPTIONS: readonly string[] = [
  ...OPTIONS.filter((option) => option !== 'keys'),
  'identify',
  'refuse',
  'trustedProxies',
  'ipv6Subnet',
  'xRateLimit',
  'partitionKeySecret',
]

/** The part of an adapter that is the same for every framework. */
export function createHttpLimiter<Request extends object>(
  options: string | HttpLimitOptions<Request>,
  access: RequestAccess<Request>,
  ownOptions: readonly string[] = [],
): HttpLimiter<Request> {
  if (typeof options !== 'string') checkOptions(options, [...HTTP_OPTIONS, ...ownOptions])
  const { refuse, identify, trustedProxies, ipv6Subnet, xRateLimit, partitionKeySecret, ...limiterOptions } =
    optionsOf<HttpLimitOptions<Request>>(options)
  if (identify !== undefined && limiterOptions.client !== undefined)
    throw new OptionTypeError(
      ['identify'],
      "'identify' and 'client' both say who the client is; give one of them",
    )
  const addresses = clientAddressReader({
    ...(trustedProxies !== undefined && { trustedProxies }),
    ...(ipv6Subnet !== undefined && { ipv6Subnet }),
  })
  const behindProxies = trustedProxies !== undefined && trustedProxies.length > 0
  const keys: KeySources<Request> = {
    // The header is not even looked at where nobody's word is believed: Node builds all headers for the first who asks.
    ip: (request) =>
      addresses.clientOf(access.peer(request), behindProxies ? access.forwardedFor(request) : undefined),
    route: access.route,
    header: access.header,
  }
  const limiter = createLimiter({
    ...limiterOptions,
    rules: withReadCosts(limiterOptions.rules, access),
    keys,
    ...(identify && {
      client: (request: Request) => identify((name) => access.header(request, name), queryOf(request)),
    }),
  })
  const fieldOptions: FieldOptions = {
    ...(xRateLimit !== undefined && { xRateLimit }),
    ...(partitionKeySecret !== undefined && { partitionKeySecret }),
  }
  const translate = (
    request: Request,
    decision: Decision,
    run: object | undefined,
  ): MaybePromise<HttpDecision> => {
    if (decision.allowed) return admission(request, decision, run)
    const { refusal } = decision
    const answer =
      refuse === undefined
        ? refusalProblem(refusal)
        : andThen(toMaybePromise(refuse(refusal, request)), readCustomResponse)
    return andThen(answer, ({ headers, ...others }) => {
      const fields = limitFields(decision, fieldOptions)
      return { allowed: false, answer: { ...others, headers: [...headers, ...fields] } }
    })
  }
  const admission = (request: Request, decision: AllowedDecision, run: object | undefined): HttpDecision => {
    const permit = permitOfSlots(decision)
    try {
      noteAdmission(request, httpLimiter, decision, run)
      return { allowed: true, fields: limitFields(decision, fieldOptions), permit }
    } catch (error) {
      permit?.[Symbol.dispose]()
      throw error
    }
  }

  const waits = limiterOptions.rules.some((rule) => 'wait' in rule)
  const admit = (request: Request) => (waits ? admitInLine(request) : limiter.admit(request))
  /** Who hangs up leaves the line. */
  const admitInLine = async (request: Request): Promise<Decision> => {
    const gone = new AbortController()
    const stopWatching = access.onHangUp(request, () => gone.abort(new ClientGone()))
    try {
      return await limiter.admit(request, { signal: gone.signal })
    } finally {
      stopWatching()
    }
  }

  const httpLimiter: HttpLimiter<Request> = {
    decide(request, run) {
      if (wasAdmittedBy(request, httpLimiter, run)) return { allowed: true, fields: [], permit: undefined }
      try {
        const decision = admit(request)
        if (decision instanceof Promise) return translateLater(request, decision, run)
        const translated = translate(request, decision, run)
        return translated instanceof Promise ? translated.catch(undecided) : translated
      } catch (error) {
        return undecided(error)
      }
    },
  }
  const translateLater = (request: Request, pending: Promise<Decision>, run: object | undefined) =>
    pending.then((decision) => translate(request, decision, run)).catch(undecided)
  return httpLimiter
}

/** Rules whose common costs read requests as the adapter does. */
function withReadCosts<Request extends object>(
  rules: readonly Rule<Request>[],
  access: RequestAccess<Request>,
): readonly Rule<Request>[] {
  // Several rules may read the body of a request, which can be read once.
  const bodies = new WeakMap<object, MaybePromise<unknown>>()
  const bodyOf = (request: Request & object): MaybePromise<unknown> => {
    if (access.body === undefined) return (request as { readonly body?: unknown }).body
    const known = bodies.get(request)
    if (known !== undefined) return known
    const body = access.body(request)
    if (body instanceof Promise) bodies.set(request, body)
    return body
  }
  // What is no list is an error that the limiter tells.
  if (!Array.isArray(rules)) return rules
  return rules.map((rule: Rule<Request>) => {
    const ofView = costOfView(rule?.cost)
    return ofView === undefined
      ? rule
      : { ...rule, cost: (request: Request) => ofView(viewOf(request, access, bodyOf)) }
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

/** The permit of a request that holds slots, which somebody has to release. Others are never made unless somebody settles. */
function permitOfSlots(decision: AllowedDecision): Permit | undefined {
  const slots = decision.quotas.some(({ limit }) => limit.algorithm === 'concurrency')
  return slots ? decision.permit : undefined
}

/** The client hung up while its request waited. */
class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

/** The answer to a request that no decision could be made on; what it is not for HTTP to answer is thrown on. */
function undecided(error: unknown): HttpDecision {
  if (
    error instanceof StoreUnavailableError ||
    error instanceof IdentityUnavailableError ||
    error instanceof BodyMemoryError
  )
    return { allowed: false, answer: unavailableProblem(error) }
  // It reaches nobody, but the framework wants one.
  if (error instanceof ClientGone)
    return { allowed: false, answer: problem(503, 'Gone', 'The client hung up.') }
  if (!(error instanceof RequestError)) throw asError(error)
  return { allowed: false, answer: requestProblem(error) }
}
