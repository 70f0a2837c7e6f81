import { formatLimit, type Limit, parseLimits, type RateRule, type Rule } from 'sluice'
import { type GatewayConfig, type PolicyConfig, policiesOf } from '../../policy/config/config.js'
import { limiterRulesOf } from '../../policy/config/limits/limit-entry.js'
import type { GatewayRequest } from '../../policy/policy-request.js'
import { TraceError } from '../trace/trace-request.js'

/** The rule to tune. */
export interface Target {
  readonly route: string
  /** Index among the rules of the route. */
  readonly index: number
  readonly name: string
  readonly limit: RateLimit
}

type RateLimit = Exclude<Limit, { readonly algorithm: 'concurrency' }>

/** A limit to try. */
export interface Candidate {
  readonly limit: number
  /** Undefined if the algorithm has no burst. */
  readonly burst: number | undefined
}

/**
 * Finds the rule to tune: the named one, or the only one that can be tuned.
 *
 * @throws TraceError if there is no such rule, or more than one
 */
export function findTarget(
  config: Pick<GatewayConfig, 'routes' | 'fallback'>,
  route: string | undefined,
  rule: string | undefined,
): Target {
  const all = targetsIn(config)
  const ofRoute = all.filter((target) => target.route === route)
  const possible = ofRoute.length > 0 ? ofRoute : all
  const found = rule === undefined ? possible : possible.filter(({ name }) => name === rule)
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only
  const list = possible.map((target) => `'${target.name}' of ${target.route}`).join(', ')
  if (possible.length === 0)
    throw new TraceError('the configuration has no rule with a single rate limit to tune')
  throw new TraceError(
    only === undefined
      ? `no rule '${rule}' with a single rate limit; the rules are ${list}`
      : `choose the rule with --rule and --route; the rules are ${list}`,
  )
}

/** Returns the rules that can be tuned: enforced rules with a single rate limit. */
export function targetsIn(config: Pick<GatewayConfig, 'routes' | 'fallback'>): Target[] {
  return policiesOf(config).flatMap(targetsOf)
}

function targetsOf({ name: route, rules }: PolicyConfig): Target[] {
  const named = limiterRulesOf(rules)
  return rules.flatMap((rule, index) => {
    const limit = limitOf(rule)
    const name = named.find((each) => each.index === index)?.name
    return limit === undefined || name === undefined || rule.enforce === false
      ? []
      : [{ route, index, name, limit }]
  })
}

/** Returns the only limit of a rule; undefined if it has none or several. */
function limitOf(rule: Rule<GatewayRequest>): RateLimit | undefined {
  if ('concurrent' in rule || typeof rule.limit !== 'string') return undefined
  const [limit, ...more] = parseLimits(rule.limit, countingOf(rule))
  return limit === undefined || more.length > 0 || limit.algorithm === 'concurrency' ? undefined : limit
}

function countingOf({ algorithm, align, timeZone }: RateRule<GatewayRequest>) {
  return {
    ...(algorithm !== undefined && { algorithm }),
    ...(align !== undefined && { align }),
    ...(timeZone !== undefined && { timeZone }),
  }
}

/** Formats a candidate as in a configuration: `30/minute burst 60`. */
export function textOf(target: Target, { limit, burst }: Candidate): string {
  const { limit: current } = target
  if (current.algorithm !== 'token-bucket') return formatLimit({ ...current, limit })
  const bucket = { ...current, limit, burst: burst ?? limit }
  const { initial } = current
  return formatLimit(initial === undefined ? bucket : { ...bucket, initial: Math.min(initial, bucket.burst) })
}

/** Returns the configuration with a candidate as the limit of the rule. */
export function withCandidate(config: GatewayConfig, target: Target, candidate: Candidate): GatewayConfig {
  const limit = textOf(target, candidate)
  const original = policiesOf(config).find(({ name }) => name === target.route)?.rules[target.index]
  // A limit that routes share has the same name on each of them.
  const isTarget = (policy: PolicyConfig, rule: Rule<GatewayRequest>, index: number) =>
    (policy.name === target.route && index === target.index) ||
    (original?.shared === true &&
      rule.shared === true &&
      original.name !== undefined &&
      rule.name === original.name)
  const replaced = <P extends PolicyConfig>(policy: P): P => ({
    ...policy,
    rules: policy.rules.map((rule, index) => (isTarget(policy, rule, index) ? { ...rule, limit } : rule)),
  })
  const { routes, fallback } = config
  return {
    ...config,
    routes: routes.map(replaced),
    fallback: fallback === 'deny' ? fallback : replaced(fallback),
  }
}
