import type {
  Decision,
  LimiterEvent,
  LimiterOptions,
  LimiterRule,
  RuleOverride,
  Store,
  Timers,
  WarmUp,
} from 'sluice'
import { type ClientLimit, clientOverrides } from './client-limits.js'
import type { GatewayConfig, PolicyConfig, RouteConfig, WarmUpConfig } from './config/config.js'
import { readsBody } from './config/limits/limit-entry.js'
import { readsCall } from './config/limits/token-limits.js'
import { checkListed, type ModelList } from './model-access.js'
import type { WeighedRequest } from './policy-request.js'

/** The policy of a route or of `default`. */
export type RoutedConfig = PolicyConfig & Pick<Partial<RouteConfig>, 'otherPatterns'>

/** The overrides in effect, by the scope of the rule. */
export type Overrides = ReadonlyMap<string, RuleOverride>

/** The services that policies use. */
export interface PolicyDependencies {
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

/** Returns the options of the limiter of a policy. */
export function limiterOptionsOf(
  config: RoutedConfig,
  tiers: GatewayConfig['tiers'],
  { store, warmUps, listener, timers }: PolicyDependencies,
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
export function overridesOf(
  rules: readonly (LimiterRule & { readonly keyedBy: string })[],
  { overrides, clientLimits = [] }: Pick<PolicyDependencies, 'overrides' | 'clientLimits'>,
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
export function isReplaced(override: RuleOverride | undefined): boolean {
  return override !== undefined && (override.limit !== undefined || override.enforce !== undefined)
}

/** The keys that rules count by. */
export const KEYS = {
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
