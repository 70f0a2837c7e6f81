import {
  createLimiter,
  type Limiter,
  type LimiterEvent,
  type LimiterOptions,
  type LimiterRule,
  type RuleOverride,
  type Store,
  type Timers,
  type WarmUp,
} from 'sluice'
import type { BodyTypes } from './body/body-format.js'
import type { GatewayConfig, PolicyConfig, WarmUpConfig } from './config/config.js'
import { describeKey } from './config/describe-config.js'
import { readsBody } from './config/limits/limit-entry.js'
import { countsTokens, tokensOf } from './config/limits/token-limits.js'
import type { LlmOptions } from './llm/llm-call.js'
import type { MirrorName } from './llm/vendor-headers.js'
import type { WeighedRequest } from './policy-request.js'
import { RouteCache } from './routing/route-cache.js'
import { createRouter } from './routing/router.js'
import { parseTarget, type Target } from './routing/target.js'

/** What the requests of one route meet. */
interface Policy {
  /** The route's name. */
  readonly name: string
  /** Undefined where everything is let in. */
  readonly limiter: Limiter<WeighedRequest> | undefined
  /** Whether something of it reads the body. */
  readonly readsBody: boolean
  /** The most that is read of a body, in bytes. */
  readonly maxBody: number
  /** Whether a request may take a slot. */
  readonly holdsSlots: boolean
  /** The media types of which bodies are read. Default: JSON alone. */
  readonly bodyTypes: BodyTypes | undefined
  /** How calls of a model are read, where tokens are limited. */
  readonly llm: LlmOptions | undefined
  /** The vendor whose names of header fields answers have, beside the standard ones. */
  readonly mirror: MirrorName | undefined
  /** Whether a request may have to wait for a slot. */
  readonly waits: boolean
}

/** What a route's requests meet, for those who run the gateway. */
export interface RoutePolicy {
  readonly route: string
  readonly rules: readonly RouteRule[]
}

export interface RouteRule extends LimiterRule {
  /** As the configuration has it, where that does not hold now. */
  readonly overridden: LimiterRule | undefined
  /** Whom it counts for, in the configuration's words. */
  readonly keyedBy: string
}

/** What holds of rules in place of what the configuration says, by their scopes. */
export type Overrides = ReadonlyMap<string, RuleOverride>

/** The policy that a request meets. */
export interface Admission {
  /** Of each route, and of what no route takes. */
  readonly policies: readonly RoutePolicy[]
  /**
   * @param method in upper case
   * @param segments decoded, as `parseTarget` gives them
   * @returns undefined where such requests are denied
   */
  policyFor(method: string, segments: readonly string[]): PolicyMatch | undefined
  /**
   * @param method in upper case
   * @param url a request target as it came
   * @throws BadTargetError
   */
  route(method: string, url: string): Routed
}

/** A target that was read, and the policy that it meets; undefined where such requests are denied. */
interface Routed {
  readonly target: Target
  readonly match: PolicyMatch | undefined
}

export interface PolicyMatch {
  readonly policy: Policy
  readonly params: Readonly<Record<string, string>>
}

/** What policies work with, beside what a configuration says. */
interface Dependencies {
  readonly store: Store
  /** The warm-ups that the configuration describes. */
  readonly warmUps: { of(config: WarmUpConfig): Pick<WarmUp, 'scale' | 'until'> }
  readonly overrides?: Overrides
  /** Is told what the limiters do, with the route's name. */
  readonly listener?: (route: string, event: LimiterEvent<WeighedRequest>) => void
  /** Default: the timers of Node. */
  readonly timers?: Pick<Timers, 'start' | 'stop'>
}

/**
 * Makes the policies of a configuration. A route's state is kept in the store under the route's name, so that it
 * outlives the configuration: a file that is taken up again refills nobody's limits.
 *
 * @throws LimitSyntaxError, TypeError, RangeError for an override that does not fit its rule.
 */
export function createPolicies(
  config: Pick<GatewayConfig, 'routes' | 'fallback' | 'tiers' | 'maxBody'>,
  surroundings: Dependencies,
): Admission {
  const { routes, fallback } = config
  const policies: RoutePolicy[] = []
  const made = (route: PolicyConfig) => {
    const { policy, rules } = policyOf(route, config, surroundings)
    policies.push({ route: route.name, rules })
    return policy
  }
  const router = createRouter(routes.map((route) => ({ pattern: route.pattern, value: made(route) })))
  const otherwise = fallback === 'deny' ? undefined : { policy: made(fallback), params: {} }
  const policyFor = (method: string, segments: readonly string[]) => {
    const match = router.find(method, segments)
    return match === undefined ? otherwise : { policy: match.value, params: match.params }
  }
  const known = new RouteCache<Routed>((method, url) => {
    const target = parseTarget(url)
    return { target, match: policyFor(method, target.segments) }
  })
  return { policies, policyFor, route: (method, url) => known.of(method, url) }
}

function policyOf(
  config: PolicyConfig,
  { tiers, maxBody }: Pick<GatewayConfig, 'tiers' | 'maxBody'>,
  surroundings: Dependencies,
): { readonly policy: Policy; readonly rules: readonly RouteRule[] } {
  const { name, rules, require, llm, mirror, bodyTypes } = config
  const limiterOptions = limiterOptionsOf(config, tiers, surroundings)
  const asConfigured = createLimiter(limiterOptions)
  const overrides = overridesOf(asConfigured.rules, surroundings.overrides)
  const limiter = overrides === undefined ? asConfigured : createLimiter({ ...limiterOptions, overrides })
  const meters = llm !== undefined && countsTokens(rules)
  return {
    policy: {
      name,
      limiter: rules.length === 0 && require === undefined ? undefined : limiter,
      readsBody: config.readsBody || meters,
      maxBody: config.maxBody ?? maxBody,
      holdsSlots: rules.some((rule) => 'concurrent' in rule),
      bodyTypes,
      llm: meters ? llm : undefined,
      mirror,
      waits: rules.some((rule) => 'wait' in rule),
    },
    rules: limiter.rules.map((rule, place) => ({
      ...rule,
      overridden: overrides?.[rule.name] && asConfigured.rules[place],
      keyedBy: describeKey(rules[rule.index]?.by),
    })),
  }
}

function limiterOptionsOf(
  { name, rules, require, refuseWith, warmUp, llm }: PolicyConfig,
  tiers: GatewayConfig['tiers'],
  { store, warmUps, listener, timers }: Dependencies,
): LimiterOptions<WeighedRequest> {
  const needBody = rules.map(
    (rule) => readsBody([rule]) || (llm !== undefined && tokensOf(rule) !== undefined),
  )
  return {
    rules,
    store,
    name,
    keys: KEYS,
    client: (request) => request.client,
    tiers,
    needsBody: {
      rule: (_, index) => needBody[index] === true,
      require: require?.readsBody === true,
    },
    ...(require && { require }),
    ...(refuseWith && { refuseWith }),
    ...(warmUp && { warmUp: warmUps.of(warmUp) }),
    ...(listener && { listener: (event) => listener(name, event) }),
    ...(timers && { timers }),
  }
}

/** By the names of the rules; undefined where none of them is overridden. */
function overridesOf(
  rules: readonly LimiterRule[],
  overrides: Overrides | undefined,
): Record<string, RuleOverride> | undefined {
  const own = rules.flatMap(({ name, scope }) => {
    const override = overrides?.get(scope)
    return override === undefined ? [] : [[name, override] as const]
  })
  return own.length === 0 ? undefined : Object.fromEntries(own)
}

const KEYS = {
  ip: (request: WeighedRequest) => request.ip,
  route: (request: WeighedRequest) => request.route,
  header: (request: WeighedRequest, name: string) => request.header(name),
}
