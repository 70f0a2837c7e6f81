import {
  type Client,
  type ConcurrencyRule,
  type KeyPart,
  type KeySpec,
  type Limit,
  type RateRule,
  RequestError,
  type Rule,
} from 'sluice'
import type { GatewayConfig, PolicyConfig } from '../../policy/config/config.js'
import { readsCall } from '../../policy/config/limits/token-limits.js'
import { UNPRICED_MODEL } from '../../policy/llm/call-price.js'
import { isWorkUnit, type WorkUnit } from '../../policy/llm/work.js'
import type { GatewayRequest } from '../../policy/policy-request.js'
import { NO_TOKENS, ReplayedRequest } from './replayed-request.js'

type CostFor = (request: GatewayRequest, limit: Limit) => number
type LimitFor = Extract<RateRule<GatewayRequest>['limit'], (...args: never[]) => unknown>
type WhenFor = (request: GatewayRequest, client: Client | undefined) => boolean
type KeyFor = (request: GatewayRequest, client: Client | undefined) => string

/**
 * Adapts the policies of a configuration to recorded requests. If a cost cannot be computed from
 * the record, for example because it depends on the body, the recorded cost is used. If no cost was
 * recorded either, the rule is skipped for the request, and the reason is reported. The other rules
 * still apply.
 */
export function withRecordedCosts<C extends Pick<GatewayConfig, 'routes' | 'fallback'>>(config: C): C {
  // Records have no body from which an upstream could be chosen.
  const adapted = <P extends PolicyConfig>({ upstream: _, ...policy }: P) => ({
    ...policy,
    rules: policy.rules.map(adapt),
  })
  const { routes, fallback } = config
  return {
    ...config,
    routes: routes.map(adapted),
    fallback: fallback === 'deny' ? fallback : adapted(fallback),
  }
}

function adapt(rule: Rule<GatewayRequest>, index: number): Rule<GatewayRequest> {
  const { by, cost = 1, name, fallbackCost } = rule
  const key = by === undefined ? undefined : adaptKey(by, index)
  const limit =
    'limit' in rule && typeof rule.limit === 'function' ? limitOrNone(rule.limit, index) : undefined
  const when = rule.when && whenOrNone(rule.when as WhenFor, index)
  const fairness = 'fair' in rule || 'work' in rule ? adaptFairness(rule, index) : undefined
  const isAsRecorded = key === by && limit === undefined && when === undefined && fairness === undefined
  if (typeof cost !== 'function' && isAsRecorded) return rule
  return {
    ...rule,
    ...fairness,
    ...(limit !== undefined && { limit }),
    ...(when !== undefined && { when }),
    ...(key !== undefined && { by: key }),
    // Expressions of a configuration are synchronous.
    cost: recordedOr(cost as number | CostFor, {
      name,
      index,
      hasFallback: fallbackCost !== undefined,
      keys: keysOf(key),
      unit: workUnitOf(rule),
    }),
  }
}

/**
 * Charges a call whose tokens are unknown as much as any other such call. A record does not say whether
 * the response is a stream. Most are.
 */
function adaptFairness(rule: ConcurrencyRule<GatewayRequest>, index: number): Partial<typeof rule> {
  const { fair, work } = rule
  if (work === undefined) return { ...(fair !== undefined && { fair: adaptKey(fair, index) }) }
  const recordedWork: NonNullable<typeof work> = (request) => {
    try {
      const predicted = work(request)
      return typeof predicted === 'object' ? { ...predicted, isStream: true } : predicted
    } catch (error) {
      if (error instanceof RequestError) return 1
      throw error
    }
  }
  return {
    ...(fair !== undefined && { fair: adaptKey(fair, index) }),
    work: Object.assign(recordedWork, work),
  }
}

interface CostContext {
  readonly name: string | undefined
  /** Index of the rule in the policy. */
  readonly index: number
  readonly hasFallback: boolean
  /** Functions that compute parts of the rule's key. */
  readonly keys: readonly KeyFor[]
  /** The work of a model call that the rule counts. */
  readonly unit: WorkUnit | undefined
}

function workUnitOf(rule: Rule<GatewayRequest>): WorkUnit | undefined {
  const resource = 'of' in rule ? rule.of : undefined
  return readsCall(rule) && isWorkUnit(resource) ? resource : undefined
}

function keysOf(by: KeySpec<GatewayRequest> | undefined): readonly KeyFor[] {
  const parts: readonly (KeyPart<GatewayRequest> | undefined)[] = typeof by === 'object' ? by : [by]
  return parts.filter((part) => typeof part === 'function') as KeyFor[]
}

/** Replaces a key that cannot be computed with an empty one. The rule then skips the request. */
function adaptKey(by: KeySpec<GatewayRequest>, index: number): KeySpec<GatewayRequest> {
  const adaptPart = (part: KeyPart<GatewayRequest>) =>
    typeof part === 'function' ? keyOrNone(part as KeyFor, index) : part
  return typeof by === 'object' ? by.map(adaptPart) : adaptPart(by)
}

/** Makes a rule skip the requests whose condition cannot be computed. */
function whenOrNone(when: WhenFor, index: number): WhenFor {
  const read: WhenFor = (request, client) => {
    try {
      return when(request, client)
    } catch (error) {
      skipRule(request, index, error)
      return false
    }
  }
  return Object.assign(read, when)
}

/** Makes a rule skip the requests whose limit cannot be computed. */
function limitOrNone(limitFor: LimitFor, index: number): LimitFor {
  const read: LimitFor = (request, client) => {
    try {
      return limitFor(request, client)
    } catch (error) {
      skipRule(request, index, error)
      return 'unlimited'
    }
  }
  return Object.assign(read, limitFor)
}

function keyOrNone(keyFor: KeyFor, index: number): KeyFor {
  const read: KeyFor = (request, client) => {
    try {
      return keyFor(request, client)
    } catch (error) {
      skipRule(request, index, error)
      return ''
    }
  }
  return Object.assign(read, keyFor)
}

function recordedOr(cost: number | CostFor, { name, index, hasFallback, keys, unit }: CostContext): CostFor {
  const computed = (request: GatewayRequest, limit: Limit) => {
    // Limiters compute the cost before the key, and a request whose key is unknown costs nothing.
    for (const key of keys) key(request, request.client)
    if (isSkipped(request, index)) return 0
    if (typeof cost === 'number') return cost
    const recorded = recordedCost(request, name)
    try {
      if (unit !== undefined && request instanceof ReplayedRequest) request.checkWork(unit)
      return cost(request, limit)
    } catch (error) {
      // The gateway refuses such a call before any rule decides on it.
      if (error instanceof RequestError && error.code === UNPRICED_MODEL) throw error
      if (recorded !== undefined && error instanceof RequestError) return recorded
      if (hasFallback) throw error
      skipRule(request, index, error, '; no cost was recorded (--columns cost=NAME)')
      return 0
    }
  }
  // Keeps the properties of the expression, such as its source.
  return Object.assign(computed, typeof cost === 'function' ? cost : undefined)
}

function isSkipped(request: GatewayRequest, index: number): boolean {
  return request instanceof ReplayedRequest && request.skippedRules.has(index)
}

function skipRule(request: GatewayRequest, index: number, error: unknown, hint = ''): void {
  if (!(error instanceof RequestError && request instanceof ReplayedRequest)) throw error
  const { message } = error
  request.skippedRules.set(index, message === NO_TOKENS ? message : message + hint)
}

function recordedCost(request: GatewayRequest, name: string | undefined): number | undefined {
  if (!(request instanceof ReplayedRequest)) return undefined
  const { cost, costs } = request.recorded
  const ruleCost =
    name !== undefined && costs !== undefined && Object.hasOwn(costs, name) ? costs[name] : undefined
  return ruleCost ?? cost
}
