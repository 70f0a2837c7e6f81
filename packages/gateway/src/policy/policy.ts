import { createLimiter, type Limiter, type LimiterRule, type RuleOverride } from 'sluice'
import {
  type AddressList,
  addressList,
  type ErrorShapeOptions,
  type FieldOptions,
  type Presentation,
} from 'sluice/http'
import {
  type ErrorShapeFinder,
  fixedErrorShape,
  guessErrorShape,
  presentationOf,
} from './answer-presentation.js'
import type { BodyTypes } from './body/body-format.js'
import type {
  ChooseUpstream,
  CorsConfig,
  GatewayConfig,
  OtherPattern,
  PolicyConfig,
} from './config/config.js'
import { describeKey } from './config/describe-config.js'
import { readsModel } from './config/limits/limit-entry.js'
import { readsCall } from './config/limits/token-limits.js'
import { type UsedLabels, usedLabels } from './config/limits/used-labels.js'
import { countsMoney } from './config/prices/money-limits.js'
import type { LlmRouteOptions } from './llm/llm-call.js'
import type { MirrorName } from './llm/vendor-headers.js'
import type { ModelAccess, ModelList } from './model-access.js'
import {
  isReplaced,
  limiterOptionsOf,
  overridesOf,
  type PolicyDependencies,
  type RoutedConfig,
} from './policy-limiter.js'
import type { WeighedRequest } from './policy-request.js'

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
  /** True if the response to a request must begin in time, which the client may shorten. */
  readonly hasDeadline: boolean
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

/** The parts of a configuration that all policies use. */
export type SharedConfig = Pick<GatewayConfig, 'tiers' | 'maxBody' | 'headers' | 'answers'> &
  Partial<Pick<GatewayConfig, 'allow' | 'upstreams'>>

/** Creates the policy of a route. */
export function policyOf(
  config: RoutedConfig,
  shared: SharedConfig,
  dependencies: PolicyDependencies,
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
      hasDeadline: rules.some((rule) => 'firstToken' in rule),
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

/** Returns the exemption that a route configures; undefined if there is none. */
function exemptionOf(
  config: RoutedConfig,
  shared: SharedConfig,
  dependencies: PolicyDependencies,
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

/** Returns the policy for another pattern of a route. */
export function forPattern(policy: Policy, other: OtherPattern): Policy {
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
