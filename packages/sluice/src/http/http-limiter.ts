import type { Decision, Refusal } from '../decision.js'
import type { Identify } from '../identity/identify.js'
import { IdentityUnavailableError } from '../identity/identity-unavailable.js'
import { createLimiter, type LimiterOptions } from '../limiter.js'
import type { Permit } from '../permit.js'
import type { KeySources } from '../policy/key-spec.js'
import { RequestError } from '../policy/request-error.js'
import { StoreUnavailableError } from '../stores/failure/store-unavailable.js'
import type { MaybePromise } from '../stores/store.js'
import { type ClientAddressOptions, clientAddressReader } from './client-address.js'
import { type FieldOptions, limitFields } from './limit-fields.js'
import { type AllowedDecision, noteAdmission, wasAdmittedBy } from './permits.js'
import { type HttpAnswer, problem, refusalProblem, requestProblem, unavailableProblem } from './problem.js'
import type { Fields } from './ratelimit-fields.js'

/** An answer of the user's own to a refusal. An object as body is sent as JSON. */
export interface OwnAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | object
}

/** What `limit(…)` of every adapter takes. */
export interface HttpLimitOptions<Request>
  extends Omit<LimiterOptions<Request>, 'keys'>,
    ClientAddressOptions,
    FieldOptions {
  /** Finds out who the client is from the headers of a request, in place of `client`: what `identity(…)` of `sluice/identity` gives. */
  readonly identify?: Identify
  /** Makes the answer to a refused request, in place of the problem document. The limit's fields are added. */
  readonly refuse?: (refusal: Refusal, request: Request) => OwnAnswer
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
  /** Decides on a request. One that was let in is not counted again, however often it is asked. What the rules' own functions throw is passed on. */
  decide(request: Request): MaybePromise<HttpDecision>
}

/** The part of an adapter that is the same for every framework. */
export function createHttpLimiter<Request extends object>(
  options: string | HttpLimitOptions<Request>,
  access: RequestAccess<Request>,
): HttpLimiter<Request> {
  const { refuse, identify, trustedProxies, ipv6Subnet, xRateLimit, partitionKeySecret, ...limiterOptions } =
    typeof options === 'string' ? ({ rules: [{ limit: options }] } as HttpLimitOptions<Request>) : options
  if (identify !== undefined && limiterOptions.client !== undefined)
    throw new TypeError("'identify' and 'client' both say who the client is; give one of them")
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
    keys,
    ...(identify && { client: (request: Request) => identify((name) => access.header(request, name)) }),
  })
  const fieldOptions: FieldOptions = {
    ...(xRateLimit !== undefined && { xRateLimit }),
    ...(partitionKeySecret !== undefined && { partitionKeySecret }),
  }
  const translate = (request: Request, decision: Decision): HttpDecision => {
    const fields = limitFields(decision, fieldOptions)
    if (decision.allowed) {
      noteAdmission(request, httpLimiter, decision)
      return { allowed: true, fields, permit: permitOfSlots(decision) }
    }
    const { refusal } = decision
    const answer = refuse === undefined ? refusalProblem(refusal) : ownAnswer(refuse(refusal, request))
    return { allowed: false, answer: { ...answer, headers: [...answer.headers, ...fields] } }
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
    decide(request) {
      if (wasAdmittedBy(request, httpLimiter)) return { allowed: true, fields: [], permit: undefined }
      try {
        const decision = admit(request)
        if (decision instanceof Promise) return translateLater(request, decision)
        return translate(request, decision)
      } catch (error) {
        return undecided(error)
      }
    },
  }
  const translateLater = (request: Request, pending: Promise<Decision>) =>
    pending.then((decision) => translate(request, decision), undecided)
  return httpLimiter
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
  if (error instanceof StoreUnavailableError || error instanceof IdentityUnavailableError)
    return { allowed: false, answer: unavailableProblem(error) }
  // It reaches nobody, but the framework wants one.
  if (error instanceof ClientGone)
    return { allowed: false, answer: problem(503, 'Gone', 'The client hung up.') }
  if (!(error instanceof RequestError)) throw error
  return { allowed: false, answer: requestProblem(error) }
}

function ownAnswer({ status = 429, headers = {}, body }: OwnAnswer): HttpAnswer {
  const json = typeof body !== 'string'
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  const typed = given.some(([name]) => name === 'content-type')
  const type = ['content-type', json ? 'application/json' : 'text/plain; charset=utf-8'] as const
  return { status, headers: typed ? given : [type, ...given], body: json ? JSON.stringify(body) : body }
}
