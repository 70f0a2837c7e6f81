import {
  type Client,
  capacityOf,
  type Degraded,
  type Limiter,
  type LimiterRule,
  type Rule,
  type RuleUsage,
  type Usage,
} from 'sluice'
import { formatThreshold, formatUnits } from 'sluice/internal'
import type { PolicyConfig, UsageConfig } from '../config/config.js'
import { roundedLimitText } from '../limit-text.js'
import type { GatewayRequest, WeighedRequest } from '../policy-request.js'
import { type UsageCaller, UsageRequest, type UsageRoute } from './usage-request.js'

/** The rules of a route, and what is needed to read their usage. */
export interface UsagePolicy {
  readonly route: UsageRoute
  readonly config: Pick<PolicyConfig, 'rules' | 'visible' | 'require'>
  readonly limiter: Limiter<WeighedRequest>
}

interface ReportedRule {
  readonly rule: string
  readonly resource: string
  /** The names of the routes whose requests it counts together. */
  readonly routes: readonly string[]
  /** Set if the rule depends on the model. */
  readonly model?: string
}

/** What a caller has used and has left under a rule. Times are whole seconds, rounded up. */
export interface ReportedUsage extends ReportedRule {
  /** Such as `10/minute`, after the client's tier, overrides and warm-up. */
  readonly limit: string
  /** The units that can be taken at once if none are used; money as a decimal of the currency. */
  readonly capacity: number | string
  readonly used: number | string
  /** The part of `used` that open requests reserve; absent if the rule does not count it. */
  readonly reserved?: number | string
  readonly left: number | string
  /** The code of the currency; only for money. */
  readonly currency?: string
  /** Until no units are used. */
  readonly reset: number
  /** Until more units are left; absent if none are used. */
  readonly more?: number
  /** `false` if the rule only observes. Only reports for operators contain such rules. */
  readonly enforced?: false
  /** The highest threshold of `warn` that settled use has reached, such as `80%`. */
  readonly warning?: string
  /** True for a soft limit, which admits requests also when nothing is left. */
  readonly soft?: true
}

/** A rule that counts callers together. Its numbers are those of others, so they are not shown. */
export interface ReportedPool extends ReportedRule {
  /** True if not a single unit is left. */
  readonly refusing: boolean
  /** Seconds until a unit is left, while it refuses. */
  readonly 'retry-after'?: number
}

/** The usage of one caller under the rules of all routes. */
export interface UsageReport {
  /** The ID of the client; absent for an anonymous caller, who is counted by address. */
  readonly client?: string
  readonly tier?: string
  /** The time of the report, in RFC 3339 format. */
  readonly at: string
  readonly rules: readonly ReportedUsage[]
  readonly pools: readonly ReportedPool[]
  /** Rules whose usage depends on more of a request than its sender and its model. */
  readonly unknown: readonly ReportedRule[]
  /** The failure policy that decided while the store was unavailable. */
  readonly degraded?: Degraded
  /** Set if rules are missing, because there are too many. */
  readonly truncated?: true
}

/** Maximum number of keys that one report reads. */
const MAX_KEYS = 2000
/** Maximum number of routes that are read at the same time. */
const MAX_CONCURRENT_ROUTES = 50

/** Reports the usage of callers from the limiters that decide on their requests. */
export class UsageReporter {
  /**
   * @param policies the routes in order, and `default`
   * @param hasIdentities whether callers can be identified at all
   */
  constructor(
    private readonly config: Pick<UsageConfig, 'models'>,
    private readonly policies: readonly UsagePolicy[],
    private readonly hasIdentities: boolean,
  ) {}

  /** Reports whether anonymous callers may see their usage: if rules count by address. */
  get servesAnonymous(): boolean {
    return this.policies.some(({ config }) =>
      config.rules.some(({ by }) => countsBy(by, 'ip') || (!this.hasIdentities && countsBy(by, 'client'))),
    )
  }

  /**
   * Reads the usage of a caller. Takes nothing.
   *
   * @param models replace the models of the configuration unless empty
   * @param isExempt reports whether the limits of a route do not apply to the caller
   * @throws StoreUnavailableError if the store is unavailable and the failure policy is `closed`
   */
  report(
    caller: UsageCaller,
    models: readonly string[],
    isExempt: (route: string) => boolean,
  ): Promise<UsageReport> {
    return this.#report(caller, models, isExempt, 'caller')
  }

  /**
   * Reads the usage of a caller for an operator: with the numbers of all rules, shared and shadow
   * rules included. Takes nothing.
   *
   * @throws StoreUnavailableError if the store is unavailable and the failure policy is `closed`
   */
  reportForOperator(caller: UsageCaller): Promise<UsageReport> {
    return this.#report(caller, [], () => false, 'operator')
  }

  async #report(
    caller: UsageCaller,
    models: readonly string[],
    isExempt: (route: string) => boolean,
    reader: 'caller' | 'operator',
  ): Promise<UsageReport> {
    const report = new ReportBuilder(caller.client, reader)
    const asked = models.length > 0 ? models : this.config.models
    const policies = this.policies.filter((policy) => applies(policy, caller) && !isExempt(policy.route.name))
    for (let from = 0; from < policies.length && !report.isFull; from += MAX_CONCURRENT_ROUTES) {
      const batch = policies.slice(from, from + MAX_CONCURRENT_ROUTES)
      // Reports list routes in the order of the file, whichever is read first.
      const read = await Promise.all(batch.map((policy) => readRoute(policy, caller, asked)))
      for (const [index, usages] of read.entries()) report.add(batch[index] as UsagePolicy, usages)
    }
    return report.build()
  }
}

/** The usage of a route's rules, with the model for which it was read. */
interface ModelUsage {
  readonly model: string | undefined
  readonly usage: Usage
}

async function readRoute(
  { route, limiter }: UsagePolicy,
  caller: UsageCaller,
  models: readonly string[],
): Promise<readonly ModelUsage[]> {
  const usage = await limiter.usage(new UsageRequest(caller, route, undefined))
  const unknown = new Set(usage.unknown.filter(({ enforced }) => enforced).map(({ rule }) => rule))
  if (unknown.size === 0 || models.length === 0) return [{ model: undefined, usage }]
  const byModel = await Promise.all(
    models.flatMap((model) =>
      // Each limit of a rule with several has a name, but one read covers all.
      firstOfEach(limiter.rules, unknown).map(async (rule) => ({
        model,
        usage: await limiter.usage(new UsageRequest(caller, route, model), { rule }),
      })),
    ),
  )
  const found = new Set(byModel.flatMap((each) => each.usage.rules.map(({ rule }) => rule)))
  const still = usage.unknown.filter(({ rule }) => !found.has(rule))
  return [{ model: undefined, usage: { ...usage, unknown: still } }, ...byModel.map(withoutUnknown)]
}

function withoutUnknown({ model, usage }: ModelUsage): ModelUsage {
  return { model, usage: { ...usage, unknown: [] } }
}

function firstOfEach(rules: readonly LimiterRule[], names: ReadonlySet<string>): readonly string[] {
  const first = new Map<number, string>()
  for (const { index, name } of rules) if (names.has(name) && !first.has(index)) first.set(index, name)
  return [...first.values()]
}

/** Reports whether the requirement of a route lets the caller use it. */
function applies({ route, config }: UsagePolicy, caller: UsageCaller): boolean {
  try {
    return config.require?.(new UsageRequest(caller, route, undefined)) !== false
  } catch {
    // It depends on more than the caller.
    return true
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }
type WithRoutes<T> = Omit<T, 'routes'> & { routes: string[] }

class ReportBuilder {
  readonly #rules = new Map<string, WithRoutes<ReportedUsage>>()
  readonly #pools = new Map<string, WithRoutes<ReportedPool>>()
  readonly #unknown = new Map<string, WithRoutes<ReportedRule>>()
  #keys = 0
  #degraded: Degraded | undefined

  constructor(
    private readonly client: Client | undefined,
    private readonly reader: 'caller' | 'operator',
  ) {}

  get isFull(): boolean {
    return this.#keys >= MAX_KEYS
  }

  add({ route, config, limiter }: UsagePolicy, read: readonly ModelUsage[]): void {
    const rules = new Map(limiter.rules.map((rule) => [rule.name, rule]))
    const audienceOf = ({ index }: LimiterRule) =>
      this.reader === 'operator' || config.visible?.includes(index) === true
        ? 'caller'
        : audience((config.rules[index] as Rule<GatewayRequest>).by, this.client)
    for (const { model, usage } of read) {
      this.#degraded ??= usage.degraded
      for (const each of usage.rules) {
        const rule = rules.get(each.rule) as LimiterRule
        // A shadow rule does not apply to the caller.
        if (!each.enforced && this.reader === 'caller') continue
        this.#keys++
        const id = [rule.scope, each.key, roundedLimitText(each.limit)].join('\n')
        const about = { ...describe(each), ...(model !== undefined && { model }) }
        const audience = audienceOf(rule)
        if (audience === 'caller')
          addRoute(this.#rules, id, route.name, () => ({
            ...about,
            ...numbersOf(each),
            ...(!each.enforced && { enforced: false as const }),
          }))
        else if (audience === 'pool')
          addRoute(this.#pools, id, route.name, () => ({ ...about, ...stateOf(each) }))
      }
      for (const each of usage.unknown) {
        const rule = rules.get(each.rule) as LimiterRule
        if (each.enforced && audienceOf(rule) !== 'nobody')
          addRoute(this.#unknown, rule.scope, route.name, () => describe(each))
      }
    }
  }

  build(): UsageReport {
    const report: Mutable<UsageReport> = {
      at: new Date().toISOString(),
      rules: [...this.#rules.values()],
      pools: [...this.#pools.values()],
      unknown: [...this.#unknown.values()],
    }
    if (this.#degraded !== undefined) report.degraded = this.#degraded
    if (this.isFull) report.truncated = true
    const { id, tier } = this.client ?? {}
    return { ...(id !== undefined && { client: id }), ...(tier !== undefined && { tier }), ...report }
  }
}

/** Adds a route to an entry, which is created first if it is new. */
function addRoute<T extends { readonly routes: string[] }>(
  entries: Map<string, T>,
  id: string,
  route: string,
  create: () => Omit<T, 'routes'>,
): void {
  const entry = entries.get(id)
  if (entry === undefined) entries.set(id, { ...create(), routes: [route] } as unknown as T)
  else if (!entry.routes.includes(route)) entry.routes.push(route)
}

function describe({ rule, resource }: Pick<ReportedRule, 'rule' | 'resource'>) {
  return { rule, resource }
}

function numbersOf({ limit, used, reserved, left, resetAfter, moreAfter, warning, soft }: RuleUsage) {
  const currency = 'currency' in limit ? limit.currency : undefined
  const amount = (units: number) => (currency === undefined ? units : formatUnits(units))
  return {
    limit: roundedLimitText(limit),
    ...{ capacity: amount(capacityOf(limit)), used: amount(used) },
    ...(reserved !== undefined && { reserved: amount(reserved) }),
    left: amount(left),
    ...(currency !== undefined && { currency }),
    reset: secondsOf(resetAfter),
    ...(moreAfter > 0 && Number.isFinite(moreAfter) && { more: secondsOf(moreAfter) }),
    ...(warning !== undefined && { warning: formatThreshold(warning.threshold) }),
    ...(soft && { soft }),
  }
}

function stateOf({ left, moreAfter, soft }: RuleUsage) {
  const refusing = left < 1 && soft === undefined
  const ends = refusing && Number.isFinite(moreAfter)
  return { refusing, ...(ends && { 'retry-after': Math.max(1, secondsOf(moreAfter)) }) }
}

function secondsOf(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000)
}

type By = Rule<GatewayRequest>['by']

/**
 * Decides who may see the numbers of a key: `caller` if the key belongs to the caller alone, `pool`
 * if others share it, `nobody` if it does not concern the caller.
 */
function audience(by: By, client: Client | undefined): 'caller' | 'pool' | 'nobody' {
  if (client !== undefined) return countsBy(by, 'client') ? 'caller' : 'pool'
  // Anonymous callers are counted by address also where clients are counted.
  return countsBy(by, 'client') || countsBy(by, 'ip') ? 'caller' : 'nobody'
}

/** Reports whether a part of a key is the client or, with `ip`, the address. */
function countsBy(by: By, part: 'client' | 'ip'): boolean {
  const expression = part === 'client' ? 'client.id' : 'ip'
  return [by ?? 'client'].flat().some((each) => {
    if (typeof each !== 'function') return each === part
    return 'source' in each && String(each.source).trim() === expression
  })
}
