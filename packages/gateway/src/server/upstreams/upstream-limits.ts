import type { Socket } from 'node:net'
import {
  createLimiter,
  type KeySources,
  type Limiter,
  type LimiterEvent,
  type MaybePromise,
  type Permit,
  type Store,
} from 'sluice'
import { clientLabel } from '../../policy/client-label.js'
import type { UpstreamRule } from '../../policy/config/config.js'
import type { UpstreamCall } from '../../policy/policy-request.js'
import { whileConnected } from '../http/disconnects.js'
import type { ProviderPause } from './provider-pause.js'

export interface UpstreamLimitsOptions {
  /** The name of the upstream. */
  readonly name: string
  readonly rules: readonly UpstreamRule[]
  readonly store: Store
  readonly pause: ProviderPause
  /** Receives the events of the limiter, with the name under which they are reported. */
  readonly listener?: ((name: string, event: LimiterEvent<UpstreamCall>) => void) | undefined
}

/** The decision of an upstream's limits. */
export type UpstreamDecision = { readonly allowed: true; readonly permit: Permit } | UpstreamRefusal

export interface UpstreamRefusal {
  readonly allowed: false
  /** True if no slot became free in time. */
  readonly isBusy: boolean
  /** Infinity if the request can never be admitted. */
  readonly retryAfterMs: number
}

/**
 * The limits towards an upstream, which count the requests of all clients together. A pause that the
 * provider asks for comes first.
 */
export class UpstreamLimits {
  readonly pause: ProviderPause
  /** True if the line of a limit follows the responses of its requests. */
  readonly tracksWork: boolean
  readonly #limiter: Limiter<UpstreamCall>
  readonly #hasDeadline: boolean
  /** The longest `wait` of a rule, which also bounds the wait for the end of a pause. */
  readonly #maxWaitMs: number

  constructor({ name, rules, store, pause, listener }: UpstreamLimitsOptions) {
    // No route has this name.
    const scope = `upstream:${name}`
    this.pause = pause
    this.#maxWaitMs = Math.max(0, ...rules.map((rule) => Number(rule.wait ?? 0)))
    const isFair = rules.some((rule) => 'fair' in rule && rule.fair !== undefined)
    this.#hasDeadline = rules.some((rule) => 'firstToken' in rule)
    this.tracksWork = rules.some((rule) => 'work' in rule)
    this.#limiter = createLimiter<UpstreamCall>({
      rules,
      store,
      ...(isFair && { client: ({ client }) => client, keys: TENANTS }),
      name: scope,
      ...(listener && { listener: (event) => listener(scope, event) }),
    })
  }

  /** @throws ClientGoneError (as a rejection) if the client disconnects while its request waits */
  admit(call: UpstreamCall, socket: Socket): MaybePromise<UpstreamDecision> {
    if (this.#maxWaitMs > 0) return whileConnected(socket, (signal) => this.#admitWaiting(call, signal))
    const paused = this.pause.remainingMs()
    return paused > 0 ? refusedFor(paused) : this.#decide(call)
  }

  async #admitWaiting(call: UpstreamCall, signal: AbortSignal): Promise<UpstreamDecision> {
    const paused = this.pause.remainingMs() === 0 ? 0 : await this.pause.wait(this.#maxWaitMs, signal)
    return paused > 0 ? refusedFor(paused) : this.#decide(call, signal)
  }

  #decide(call: UpstreamCall, signal?: AbortSignal): MaybePromise<UpstreamDecision> {
    const beginWithin = this.#hasDeadline ? call.beginWithinMs : undefined
    const decided = this.#limiter.admit(call, {
      ...(signal && { signal }),
      waiter: clientLabel(call),
      ...(beginWithin !== undefined && { beginWithin }),
    })
    return decided instanceof Promise ? decided.then(decisionOf) : decisionOf(decided)
  }
}

/** The configuration allows no other tenants of upstreams than clients and their addresses. */
const TENANTS: KeySources<UpstreamCall> = {
  ip: ({ ip }) => ip,
  route: () => '',
  header: () => undefined,
}

function refusedFor(milliseconds: number): UpstreamRefusal {
  return { allowed: false, isBusy: false, retryAfterMs: milliseconds }
}

function decisionOf(decision: Awaited<ReturnType<Limiter<UpstreamCall>['admit']>>): UpstreamDecision {
  if (decision.allowed) return { allowed: true, permit: decision.permit }
  const { reason, retryAfter } = decision.refusal
  return { allowed: false, isBusy: reason === 'busy', retryAfterMs: retryAfter }
}
