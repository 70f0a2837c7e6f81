import { type Client, RequestError } from 'sluice'
import type { LlmCall } from '../llm/llm-call.js'
import type { WeighedRequest } from '../policy-request.js'
import type { RoutePattern } from '../routing/route-pattern.js'

/** The caller that asks for its usage. */
export interface UsageCaller {
  /** Undefined if anonymous. */
  readonly client: Client | undefined
  /** @throws RequestError if a trusted proxy sent an address that cannot be parsed */
  readonly ip: string
  readonly headers: Readonly<Record<string, string>>
  header(name: string): string | undefined
}

/** The route whose usage is read. */
export interface UsageRoute {
  readonly name: string
  /** Undefined for `default`. */
  readonly pattern: RoutePattern | undefined
}

/** Thrown when a rule reads a part of a request that only a request to its route has. */
class NotInUsageRequestError extends RequestError {
  override readonly name = 'NotInUsageRequestError'
  constructor(part: string) {
    super(`the usage depends on ${part} of the request`)
  }
}

/**
 * A request to a route as far as it is known when its client asks for the usage: who sends it, and
 * possibly the model.
 */
export class UsageRequest implements WeighedRequest {
  readonly time = Date.now()
  readonly query: Readonly<Record<string, string>> = Object.create(null)
  readonly params: Readonly<Record<string, string>>

  /** @param knownModel the value of `model`, `params.model` and `body.model`; undefined if it is unknown */
  constructor(
    private readonly caller: UsageCaller,
    private readonly target: UsageRoute,
    private readonly knownModel: string | undefined,
  ) {
    this.params = paramsOf(target.pattern, knownModel)
  }

  get method(): string {
    return this.target.pattern?.method ?? missing('the method')
  }

  get path(): string {
    return missing('the path')
  }

  get route(): string {
    return this.target.name
  }

  get client(): Client | undefined {
    return this.caller.client
  }

  get ip(): string {
    return this.caller.ip
  }

  get headers(): Readonly<Record<string, string>> {
    return this.caller.headers
  }

  header(name: string): string | undefined {
    return this.caller.header(name)
  }

  get body(): unknown {
    return { model: this.model }
  }

  get model(): string {
    return this.knownModel ?? missing('the body')
  }

  get call(): LlmCall {
    return missing('the body')
  }
}

function missing(part: string): never {
  throw new NotInUsageRequestError(part)
}

function paramsOf(pattern: RoutePattern | undefined, model: string | undefined): Record<string, string> {
  const params: Record<string, string> = Object.create(null)
  for (const segment of pattern?.segments ?? []) {
    if (segment.kind !== 'param') continue
    const { name } = segment
    if (name === 'model' && model !== undefined) params[name] = model
    else Object.defineProperty(params, name, { enumerable: true, get: () => missing(`params.${name}`) })
  }
  return params
}
