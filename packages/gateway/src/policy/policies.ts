import {
  createLimiter,
  type Decision,
  type Limiter,
  type LimiterEvent,
  type LimiterOptions,
  type LimiterRule,
  type RuleOverride,
  type Store,
  type Timers,
  type WarmUp,
} from 'sluice'
import {
  type AddressList,
  addressList,
  type ErrorShape,
  type ErrorShapeOptions,
  type FieldOptions,
  type Presentation,
} from 'sluice/http'
import { answerRewriter } from './answer-template.js'
import type { BodyTypes } from './body/body-format.js'
import { type ClientLimit, clientOverrides } from './client-limits.js'
import {
  type ChooseUpstream,
  type CorsConfig,
  type GatewayConfig,
  type OtherPattern,
  type PolicyConfig,
  policiesOf,
  type RouteConfig,
  type WarmUpConfig,
} from './config/config.js'
import { describeKey } from './config/describe-config.js'
import { readsBody, readsModel } from './config/limits/limit-entry.js'
import { readsCall } from './config/limits/token-limits.js'
import { type UsedLabels, usedLabels } from './config/limits/used-labels.js'
import { countsMoney } from './config/prices/money-limits.js'
import type { LlmRouteOptions } from './llm/llm-call.js'
import { vendorOfPath } from './llm/shapes/shapes.js'
import type { MirrorName } from './llm/vendor-headers.js'
import {
  checkListed,
  type ModelAccess,
  type ModelList,
  type RequestedModel,
  resolvePathModel,
} from './model-access.js'
import type { WeighedRequest } from './policy-request.js'
import { RouteCache } from './routing/route-cache.js'
import type { RoutePattern } from './routing/route-pattern.js'
import { createRouter, paramsOf, type Router } from './routing/router.js'
import { parseTarget, type Target } from './routing/target.js'
import { type UsagePolicy, UsageReporter } from './usage/usage-report.js'

/** The policy of one route, ready to be applied to requests. */
export interface Policy {
  /** The route's name. */
  readonly name: string
  /** Undefined for a route without limits. */
  readonly limiter: Limiter<WeighedRequest> | undefined
  /** The name of the upstream, or the expression that chooses it. Default: the file's `upstream`. */
  readonly upstream: string | ChooseUpstream | undefined
  /** True if a rule reads the body. */
  readonly readsBody: boolean
  /** Maximum size of a body that is read, in bytes. */
  readonly maxBody: number
  /** True if a request may occupy a slot. */
  readonly holdsSlots: boolean
  /** The media types of bodies that are read. Default: JSON only. */
  readonly bodyTypes: BodyTypes | undefined
  /** The options for reading model calls, on routes that limit tokens. */
  readonly llm: LlmRouteOptions | undefined
  /** How the model of a call is read; undefined if no rule needs it and every model is allowed. */
  readonly models: ModelAccess | undefined
  /** Set if the route lists models, and clients may not use all of them by their own names. */
  readonly modelList: ModelList | undefined
  /** The vendor whose rate-limit headers are added to responses. */
  readonly mirror: MirrorName | undefined
  /** The rate-limit headers of responses. */
  readonly headers: FieldOptions & ErrorShapeOptions
  /** How the gateway's own answers are written. */
  readonly presentation: Presentation
  /** Finds the error format by the path of a request; undefined if it is that of `presentation`. */
  readonly errorShapeOf: ErrorShapeFinder | undefined
  /** Undefined if CORS is left to the upstream. */
  readonly cors: CorsConfig | undefined
  /** True if a request may wait for a limit. */
  readonly waits: boolean
  /** The clients that the limits do not apply to. */
  readonly exemption: Exemption | undefined
  /** True if a rule counts money, so what requests cost is recorded. */
  readonly countsMoney: boolean
  /** The labels that decide how requests are limited. */
  readonly labels: UsedLabels
  /** True to refuse requests to vendors' APIs, which a limit on money of all routes cannot charge. */
  readonly refusesUnpriced: boolean
  /** True if this is the policy of clients that the limits do not apply to. */
  readonly isExempt: boolean
}

/**
 * Returns the error format of an answer.
 *
 * @param url the request target as received
 * @param isAnthropic true if the client stated a version of Anthropic's API
 */
type ErrorShapeFinder = (url: string, isAnthropic: boolean) => ErrorShape | undefined

/** The clients that the limits of a route do not apply to. */
interface Exemption {
  /** Undefined if no address is exempt, only clients by their ID. */
  readonly addresses: AddressList | undefined
  /** The policy of their requests: that of the route, without its rules. */
  readonly policy: Policy
  /** The limiter of the policy, even if it has neither rules nor requirements. */
  readonly limiter: Limiter<WeighedRequest>
}

/** The rules of one route, as operators see them. */
export interface RoutePolicy {
  readonly route: string
  readonly rules: readonly RouteRule[]
}

export interface RouteRule extends LimiterRule {
  /** The rule as configured, while an override replaces it. */
  readonly overridden: LimiterRule | undefined
  /** The limits of single clients, by client ID; undefined without any. */
  readonly clientOverrides: RuleOverride['clients']
  /** The key of the rule, as written in the configuration. */
  readonly keyedBy: string
}

/** The overrides in effect, by the scope of the rule. */
export type Overrides = ReadonlyMap<string, RuleOverride>

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

/** The services that policies use. */
interface Dependencies {
  readonly store: Store
  /** The warm-ups that the configuration describes. */
  readonly warmUps: { of(config: WarmUpConfig): Pick<WarmUp, 'scale' | 'until'> }
  readonly overrides?: Overrides
  /** The limits of single clients. Overrides of the same clients take precedence. */
  readonly clientLimits?: readonly ClientLimit[]
  /** Receives the events of the limiters, with the name of the route. */
  readonly listener?: (route: string, event: LimiterEvent<WeighedRequest>) => void
  /** Default: Node's timers. */
  readonly timers?: Pick<Timers, 'start' | 'stop'>
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
  dependencies: Dependencies,
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

/** Returns the policy for another pattern of a route. */
function forPattern(policy: Policy, other: OtherPattern): Policy {
  const { llm, models, exemption } = policy
  const { shape, modelList } = other
  return {
    ...policy,
    llm: llm && shape && { ...llm, shape },
    models: models && shape && { ...models, shape },
    modelList,
    exemption: exemption && { ...exemption, policy: forPattern(exemption.policy, other) },
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
  { store }: Pick<Dependencies, 'store'>,
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

function unroutedPresentation(
  config: Pick<GatewayConfig, 'routes' | 'fallback' | 'answers'>,
): Policies['unroutedPresentation'] {
  const hasModels = policiesOf(config).some(({ llm }) => llm !== undefined)
  const rewrite = answerRewriter(config.answers ?? {})
  return (url, isAnthropic) => {
    const errorShape = hasModels ? guessErrorShape(url, isAnthropic) : undefined
    return { ...(errorShape && { errorShape }), ...(rewrite && { rewrite }) }
  }
}

const guessErrorShape: ErrorShapeFinder = (url, isAnthropic) =>
  isAnthropic ? 'anthropic' : vendorOfPath(url.split('?', 1)[0] as string)

type SharedConfig = Pick<GatewayConfig, 'tiers' | 'maxBody' | 'headers' | 'answers'> &
  Partial<Pick<GatewayConfig, 'allow' | 'upstreams'>>

/** The policy of a route or of `default`. */
type RoutedConfig = PolicyConfig & Pick<Partial<RouteConfig>, 'otherPatterns'>

/** Returns the exemption that a route configures; undefined if there is none. */
function exemptionOf(
  config: RoutedConfig,
  shared: SharedConfig,
  dependencies: Dependencies,
): Exemption | undefined {
  const { name, allow = [], require, refuseWith, maxBody, bodyTypes, errorShape, answers } = config
  const { upstream, llm } = config
  const models = modelsOf(config)
  const allowsClients = (shared.allow?.clients.length ?? 0) > 0
  if (allow.length === 0 && !allowsClients) return undefined
  const unlimited: RoutedConfig = {
    name,
    rules: [],
    readsBody: models !== undefined || [require, choiceOf(config)].some((each) => each?.readsBody),
    ...(models && { models }),
    ...(config.modelList && { modelList: config.modelList }),
    ...(config.otherPatterns && { otherPatterns: config.otherPatterns }),
    // The limits of an upstream apply to all clients. They count no money.
    ...(upstream !== undefined && { upstream, ...(llm && { llm: withoutPrices(llm) }) }),
    ...(require && { require }),
    ...(refuseWith && { refuseWith }),
    ...(maxBody !== undefined && { maxBody }),
    ...(bodyTypes && { bodyTypes }),
    ...(errorShape && { errorShape }),
    ...(answers && { answers }),
  }
  // The policy of the exempt clients has no exemption itself.
  const { policy, limiter } = policyOf(unlimited, { ...shared, allow: undefined }, dependencies)
  const addresses = allow.length === 0 ? undefined : addressList(allow, ['allow'])
  return { addresses, policy: { ...policy, isExempt: true }, limiter }
}

function policyOf(
  config: RoutedConfig,
  shared: SharedConfig,
  dependencies: Dependencies,
): {
  readonly policy: Policy
  readonly limiter: Limiter<WeighedRequest>
  readonly rules: readonly RouteRule[]
} {
  const { tiers, maxBody, headers = {} } = shared
  const { name, rules, require, llm, mirror, bodyTypes, errorShape, maxRetryWaitMs, upstream } = config
  const limiterOptions = limiterOptionsOf(config, tiers, dependencies)
  const asConfigured = createLimiter(limiterOptions)
  const counted = asConfigured.rules.map((rule) => ({ ...rule, keyedBy: describeKey(rules[rule.index]?.by) }))
  const overrides = overridesOf(counted, dependencies)
  const limiter = overrides === undefined ? asConfigured : createLimiter({ ...limiterOptions, overrides })
  const meters = llm !== undefined && (rules.some(readsCall) || metersForUpstream(config, shared))
  const models = modelsOf(config)
  return {
    policy: {
      name,
      limiter:
        [require, models, config.modelList, upstream].every((part) => part === undefined) &&
        rules.length === 0
          ? undefined
          : limiter,
      upstream,
      readsBody: config.readsBody || meters || models !== undefined,
      maxBody: config.maxBody ?? maxBody,
      holdsSlots: rules.some((rule) => 'concurrent' in rule),
      bodyTypes,
      llm: meters ? llm : undefined,
      models,
      modelList: config.modelList,
      mirror,
      headers: {
        ...headers,
        // The headers depend only on whether there is a format.
        ...(errorShape && { errorShape: fixedErrorShape(errorShape) }),
        ...(maxRetryWaitMs !== undefined && { maxRetryWait: maxRetryWaitMs }),
      },
      presentation: presentationOf(config, shared),
      errorShapeOf: errorShape === 'auto' ? guessErrorShape : undefined,
      cors: config.cors === 'off' ? undefined : config.cors,
      waits: rules.some((rule) => 'wait' in rule),
      countsMoney: rules.some(countsMoney),
      labels: usedLabels(config),
      refusesUnpriced: config.refusesUnpriced === true,
      exemption: exemptionOf(config, shared, dependencies),
      isExempt: false,
    },
    limiter,
    rules: limiter.rules.map((rule, index) => ({
      ...rule,
      overridden: isReplaced(overrides?.[rule.name]) ? asConfigured.rules[index] : undefined,
      clientOverrides: overrides?.[rule.name]?.clients,
      keyedBy: counted[index]?.keyedBy ?? '',
    })),
  }
}

/**
 * Returns how the model of a call is read; undefined if no rule needs it, and `models` neither restricts
 * nor renames any.
 */
function modelsOf(policy: PolicyConfig): ModelAccess | undefined {
  const { models, rules, require } = policy
  if (models === undefined) return undefined
  const isNeeded = models.allow !== undefined || models.alias !== undefined
  const isRead = readsModel(rules) || [require, choiceOf(policy)].some((each) => each?.readsModel)
  return isNeeded || isRead ? models : undefined
}

/** Returns the expression that chooses the upstream of a policy, if it has one. */
function choiceOf({ upstream }: PolicyConfig): ChooseUpstream | undefined {
  return typeof upstream === 'function' ? upstream : undefined
}

function withoutPrices({ pricing: _, ...llm }: LlmRouteOptions): LlmRouteOptions {
  return llm
}

/** Reports whether a model call is read for the limits of an upstream. */
function metersForUpstream({ upstream }: PolicyConfig, { upstreams = {} }: SharedConfig): boolean {
  return upstream !== undefined && Object.values(upstreams).some(({ rules = [] }) => rules.some(readsCall))
}

function presentationOf(
  { errorShape, maxRetryWaitMs, answers }: PolicyConfig,
  file: Pick<GatewayConfig, 'answers'>,
): Presentation {
  const rewrite = answerRewriter({ ...file.answers, ...answers }, maxRetryWaitMs)
  return {
    ...(errorShape && { errorShape: fixedErrorShape(errorShape) }),
    ...(rewrite && { rewrite }),
  }
}

/** Returns the format for paths that no API has: most APIs resemble that of OpenAI. */
function fixedErrorShape(errorShape: ErrorShape | 'auto'): ErrorShape {
  return errorShape === 'auto' ? 'openai' : errorShape
}

function limiterOptionsOf(
  config: RoutedConfig,
  tiers: GatewayConfig['tiers'],
  { store, warmUps, listener, timers }: Dependencies,
): LimiterOptions<WeighedRequest> {
  const { name, rules, require, refuseWith, warmUp, models } = config
  const lists = modelListsOf(config)
  const readsBodyByRule = rules.map((rule) => readsBody([rule]) || readsCall(rule))
  return {
    rules,
    store,
    name,
    keys: KEYS,
    client: (request) => request.client,
    tiers,
    needsBody: {
      // A call of a model that is not allowed is not charged, so all rules wait for its body.
      rule: (_, index) => models?.allow !== undefined || readsBodyByRule[index] === true,
      require: require?.readsBody === true,
    },
    ...((require || lists.length > 0) && { require: requirementOf(require, lists) }),
    ...(refuseWith && { refuseWith }),
    ...(warmUp && { warmUp: warmUps.of(warmUp) }),
    ...(listener && { listener: (event) => listener(name, event) }),
    ...(timers && { timers }),
  }
}

/** Returns what the paths of a route list, if they list models. */
function modelListsOf({ modelList, otherPatterns = [] }: RoutedConfig): readonly ModelList[] {
  return [modelList, ...otherPatterns.map((other) => other.modelList)].filter((list) => list !== undefined)
}

/** Returns the requirement of a route. A model that its path names must be one that the client may use. */
function requirementOf(require: PolicyConfig['require'], lists: readonly ModelList[]) {
  return (request: WeighedRequest): boolean => {
    for (const list of lists) checkListed(list, request)
    return require?.(request) ?? true
  }
}

/** The overrides by the name of the rule; undefined if there are none. */
function overridesOf(
  rules: readonly (LimiterRule & { readonly keyedBy: string })[],
  { overrides, clientLimits = [] }: Pick<Dependencies, 'overrides' | 'clientLimits'>,
): Record<string, RuleOverride> | undefined {
  const ofClients = clientOverrides(clientLimits, rules)
  const own = rules.flatMap(({ name, scope }) => {
    const [base, override] = [ofClients[name], overrides?.get(scope)]
    if (base === undefined && override === undefined) return []
    const clients = { ...base?.clients, ...override?.clients }
    return [[name, { ...override, ...(Object.keys(clients).length > 0 && { clients }) }] as const]
  })
  return own.length === 0 ? undefined : Object.fromEntries(own)
}

/** Reports whether an override applies to all clients of a rule. */
function isReplaced(override: RuleOverride | undefined): boolean {
  return override !== undefined && (override.limit !== undefined || override.enforce !== undefined)
}

const KEYS = {
  ip: (request: WeighedRequest) => request.ip,
  route: (request: WeighedRequest) => request.route,
  header: (request: WeighedRequest, name: string) => request.header(name),
}

/**
 * Reports whether an admitted request holds slots. Checks the quotas, because accessing the permit
 * would create one even for a request without slots.
 */
export function holdsSlots({ quotas }: Decision): boolean {
  return quotas.some(({ limit }) => limit.algorithm === 'concurrency')
}
