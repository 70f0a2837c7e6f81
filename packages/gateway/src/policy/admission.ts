import { createLimiter, type Limiter, type LimiterEvent, type Store } from 'sluice'
import type { GatewayConfig, PolicyConfig } from '../config/config.js'
import { countsTokens } from '../config/token-limits.js'
import type { LlmOptions } from '../llm/llm-call.js'
import type { MirrorName } from '../llm/quota-mirror.js'
import { createRouter } from '../routing/router.js'
import type { WarmUps } from '../warm-up/warm-ups.js'
import type { IncomingRequest } from './incoming-request.js'

/** What the requests of one route meet. */
interface Policy {
  /** The route's name. */
  readonly name: string
  /** Undefined where everything is let in. */
  readonly limiter: Limiter<IncomingRequest> | undefined
  /** Whether something of it reads the body. */
  readonly readsBody: boolean
  /** How calls of a model are read, where tokens are limited. */
  readonly llm: LlmOptions | undefined
  /** The vendor whose names of header fields answers have, beside the standard ones. */
  readonly mirror: MirrorName | undefined
  /** Whether a request may have to wait for a slot. */
  readonly waits: boolean
}

/** The policy that a request meets. */
export interface Admission {
  /**
   * @param method in upper case
   * @param segments decoded, as `parseTarget` gives them
   * @returns undefined where such requests are denied
   */
  policyFor(method: string, segments: readonly string[]): PolicyMatch | undefined
}

export interface PolicyMatch {
  readonly policy: Policy
  readonly params: Readonly<Record<string, string>>
}

/**
 * Makes the policies of a configuration. A route's state is kept in the store under the route's name, so that it
 * outlives the configuration: a file that is taken up again refills nobody's limits.
 */
export function createAdmission(
  { routes, fallback, tiers }: Pick<GatewayConfig, 'routes' | 'fallback' | 'tiers'>,
  store: Store,
  warmUps: WarmUps,
  listener?: (route: string, event: LimiterEvent<IncomingRequest>) => void,
): Admission {
  const made = (config: PolicyConfig) => policyOf(config, tiers, store, warmUps, listener)
  const router = createRouter(routes.map((route) => ({ pattern: route.pattern, value: made(route) })))
  const otherwise = fallback === 'deny' ? undefined : { policy: made(fallback), params: {} }
  return {
    policyFor(method, segments) {
      const match = router.find(method, segments)
      return match === undefined ? otherwise : { policy: match.value, params: match.params }
    },
  }
}

function policyOf(
  { name, rules, readsBody, require, refuseWith, warmUp, llm, mirror }: PolicyConfig,
  tiers: GatewayConfig['tiers'],
  store: Store,
  warmUps: WarmUps,
  listener: ((route: string, event: LimiterEvent<IncomingRequest>) => void) | undefined,
): Policy {
  const limiter =
    rules.length === 0 && require === undefined
      ? undefined
      : createLimiter<IncomingRequest>({
          rules,
          store,
          name,
          keys: KEYS,
          client: (request) => request.client,
          tiers,
          ...(require && { require }),
          ...(refuseWith && { refuseWith }),
          ...(warmUp && { warmUp: warmUps.of(warmUp) }),
          ...(listener && { listener: (event) => listener(name, event) }),
        })
  const meters = llm !== undefined && countsTokens(rules)
  return {
    name,
    limiter,
    readsBody: readsBody || meters,
    llm: meters ? llm : undefined,
    mirror,
    waits: rules.some((rule) => 'wait' in rule),
  }
}

const KEYS = {
  ip: (request: IncomingRequest) => request.ip,
  route: (request: IncomingRequest) => request.route,
  header: (request: IncomingRequest, name: string) => request.header(name),
}
