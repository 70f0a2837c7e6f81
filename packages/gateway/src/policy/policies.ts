import { createLimiter, type Limiter } from 'sluice'
import type { AddressList, FieldOptions, Presentation } from 'sluice/http'
import { unroutedPresentation } from './answer-presentation.js'
import type { GatewayConfig, PolicyConfig } from './config/config.js'
import { type RequestedModel, resolvePathModel } from './model-access.js'
import { forPattern, type Policy, policyOf, type RoutePolicy } from './policy.js'
import { KEYS, type PolicyDependencies } from './policy-limiter.js'
import type { WeighedRequest } from './policy-request.js'
import { RouteCache } from './routing/route-cache.js'
import type { RoutePattern } from './routing/route-pattern.js'
import { createRouter, paramsOf, type Router } from './routing/router.js'
import { parseTarget, type Target } from './routing/target.js'
import { type UsagePolicy, UsageReporter } from './usage/usage-report.js'

/** The policies of a configuration. */
export interface Policies {
  /** One policy per route, and the fallback. */
  readonly routes: readonly RoutePolicy[]
  /**
   * Finds the policy for a request.
   *
   * @param method in upper case
   * @param segments decoded, as `parseTarget` returns them
   * @returns undefined if such requests are denied
   */
  policyFor(method: string, segments: readonly string[]): PolicyMatch | undefined
  /**
   * Parses the target of a request and finds its policy.
   *
   * @param method in upper case
   * @param url the request target as received
   * @throws BadTargetError
   */
  route(method: string, url: string): Routed
  /** Reads the usage of a caller for an operator. Takes nothing. */
  usageForOperator: UsageReporter['reportForOperator']
  /**
   * Returns how an answer is written for a request whose route is unknown. If any route meters
   * model calls, the path determines the error format.
   *
   * @param url the request target as received
   * @param isAnthropic true if the client stated a version of Anthropic's API
   */
  unroutedPresentation(url: string, isAnthropic: boolean): Presentation
}

/** Answers clients that look up their usage. */
export interface UsageService extends Pick<UsageReporter, 'report' | 'servesAnonymous'> {
  /** Limits how often a caller may ask. */
  readonly limiter: Limiter<WeighedRequest>
  /** The rate-limit headers of its answers. */
  readonly headers: FieldOptions
  /** Returns the addresses that the limits of a route do not apply to. */
  exemptionOf(route: string): AddressList | undefined
}

/** A parsed target and its policy, which is undefined if such requests are denied. */
interface Routed {
  readonly target: Target
  /** Undefined also for a request that asks for the usage. */
  readonly match: PolicyMatch | undefined
  /** Set if the request asks for the usage of its client. */
  readonly usage?: UsageService | undefined
}

export interface PolicyMatch {
  readonly policy: Policy
  readonly params: Readonly<Record<string, string>>
  /** Undefined for the fallback, which has no route. */
  readonly pattern?: RoutePattern
  /** The model that the path names; undefined if the body names it, or no rule needs it. */
  readonly pathModel?: RequestedModel
}

/**
 * Creates the policies of a configuration. The state of a route is stored under its name, so a
 * reload does not refill its limits.
 *
 * @throws LimitSyntaxError, TypeError or RangeError if an override is invalid for its rule
 */
export function createPolicies(
  config: Pick<GatewayConfig, 'routes' | 'fallback' | 'tiers' | 'maxBody' | 'headers' | 'answers' | 'usage'> &
    Partial<Pick<GatewayConfig, 'identity' | 'allow' | 'upstreams'>>,
  dependencies: PolicyDependencies,
): Policies {
  const { routes, fallback } = config
  const routePolicies: RoutePolicy[] = []
  const exemptions = new Map<string, AddressList>()
  const usagePolicies: UsagePolicy[] = []
  const addPolicy = (route: PolicyConfig & { readonly pattern?: RoutePattern }) => {
    const { policy, rules } = policyOf(route, config, dependencies)
    routePolicies.push({ route: route.name, rules })
    const { name, limiter, exemption } = policy
    if (exemption?.addresses !== undefined) exemptions.set(name, exemption.addresses)
    if (limiter !== undefined)
      usagePolicies.push({ route: { name, pattern: route.pattern }, config: route, limiter })
    return policy
  }
  const router = createRouter(
    routes.flatMap((route) => {
      const value = addPolicy(route)
      const others = (route.otherPatterns ?? []).map((other) => ({
        pattern: other.pattern,
        value: forPattern(value, other),
      }))
      return [{ pattern: route.pattern, value }, ...others]
    }),
  )
  const denyOrFallback = fallback === 'deny' ? undefined : { policy: addPolicy(fallback), params: {} }
  const policyFor = (method: string, segments: readonly string[]) => {
    const match = router.find(method, segments)
    return match === undefined
      ? denyOrFallback
      : { policy: match.value, params: match.params, pattern: match.pattern }
  }
  const usage = usageRouter(config, usagePolicies, exemptions, dependencies)
  const cache = new RouteCache<Routed>((method, url) => {
    const target = parseTarget(url)
    const service = usage?.find(method, target.segments)?.value
    if (service !== undefined) return { target, match: undefined, usage: service }
    return withPathModel(target, policyFor(method, target.segments))
  })
  const operatorReports = new UsageReporter(config.usage ?? { models: [] }, usagePolicies, true)
  return {
    routes: routePolicies,
    policyFor,
    usageForOperator: (caller) => operatorReports.reportForOperator(caller),
    route: (method, url) => cache.of(method, url),
    unroutedPresentation: unroutedPresentation(config),
  }
}

/** Reads the model that the path of a request names. An alias is replaced in the path. */
function withPathModel(target: Target, match: PolicyMatch | undefined): Routed {
  const access = match?.policy.models
  const found = access && resolvePathModel(access, target)
  if (match === undefined || found === undefined) return { target, match }
  const { pattern } = match
  const params = pattern === undefined ? match.params : paramsOf(pattern, found.target.segments)
  return { target: found.target, match: { ...match, params, pathModel: found.model } }
}

/** The name under which requests that ask for the usage are counted. No route has it. */
export const USAGE_ROUTE = 'usage'

interface UsageSettings extends Pick<GatewayConfig, 'usage' | 'headers'> {
  readonly identity?: Partial<GatewayConfig['identity']>
}

/** Returns a router with the path of `usage`; undefined if there is none. */
function usageRouter(
  config: UsageSettings,
  policies: readonly UsagePolicy[],
  exemptions: ReadonlyMap<string, AddressList>,
  { store }: Pick<PolicyDependencies, 'store'>,
): Router<UsageService> | undefined {
  const { usage, headers = {}, identity: { apiKeys, jwt, proxyHeaders } = {} } = config
  if (usage === undefined) return undefined
  const hasIdentities = [apiKeys, jwt, proxyHeaders].some((source) => source !== undefined)
  const reporter = new UsageReporter(usage, policies, hasIdentities)
  const limiter = createLimiter<WeighedRequest>({
    rules: [{ name: USAGE_ROUTE, limit: '60/minute' }],
    store,
    name: USAGE_ROUTE,
    keys: KEYS,
    client: (request) => request.client,
  })
  const value: UsageService = {
    limiter,
    headers,
    exemptionOf: (route) => exemptions.get(route),
    servesAnonymous: reporter.servesAnonymous,
    report: (...caller) => reporter.report(...caller),
  }
  return createRouter([{ pattern: usage.pattern, value }])
}
