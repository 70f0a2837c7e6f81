import { createLimiter, type Limiter, type LimiterEvent, type Store, type Timers, type WarmUp } from 'sluice'
import type { GatewayConfig, PolicyConfig, WarmUpConfig } from '../config/config.js'
import { countsTokens } from '../config/token-limits.js'
import type { LlmOptions } from '../llm/llm-call.js'
import type { MirrorName } from '../llm/quota-mirror.js'
import { createRouter } from '../routing/router.js'
import type { WeighedRequest } from './gateway-request.js'

/** What the requests of one route meet. */
interface Policy {
  /** The route's name. */
  readonly name: string
  /** Undefined where everything is let in. */
  readonly limiter: Limiter<WeighedRequest> | undefined
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

/** What policies work with, beside what a configuration says. */
interface Surroundings {
  readonly store: Store
  /** The warm-ups that the configuration describes. */
  readonly warmUps: { of(config: WarmUpConfig): Pick<WarmUp, 'scale' | 'until'> }
  /** Is told what the limiters do, with the route's name. */
  readonly listener?: (route: string, event: LimiterEvent<WeighedRequest>) => void
  /** Default: the timers of Node. */
  readonly timers?: Pick<Timers, 'start' | 'stop'>
}

/**
 * Makes the policies of a configuration. A route's state is kept in the store under the route's name, so that it
 * outlives the configuration: a file that is taken up again refills nobody's limits.
 */
export function createAdmission(
  { routes, fallback, tiers }: Pick<GatewayConfig, 'routes' | 'fallback' | 'tiers'>,
  surroundings: Surroundings,
): Admission {
  const made = (config: PolicyConfig) => policyOf(config, tiers, surroundings)
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
  { store, warmUps, listener, timers }: Surroundings,
): Policy {
  const limiter =
    rules.length === 0 && require === undefined
      ? undefined
      : createLimiter<WeighedRequest>({
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
          ...(timers && { timers }),
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
  ip: (request: WeighedRequest) => request.ip,
  route: (request: WeighedRequest) => request.route,
  header: (request: WeighedRequest, name: string) => request.header(name),
}
