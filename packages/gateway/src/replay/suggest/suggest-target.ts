import { formatLimit, type Limit, parseLimits, type RateRule, type Rule } from 'sluice'
import { type GatewayConfig, type PolicyConfig, policiesOf } from '../../policy/config/config.js'
import { limiterRulesOf } from '../../policy/config/limits/limit-entry.js'
import type { GatewayRequest } from '../../policy/policy-request.js'
import { TraceError } from '../trace/trace-request.js'

/** The rule whose limit is searched for. */
export interface Target {
  readonly route: string
  /** Its place among the rules of the route. */
  readonly index: number
  readonly name: string
  readonly limit: RateLimit
}

type RateLimit = Exclude<Limit, { readonly algorithm: 'concurrency' }>

/** A limit that is tried. */
export interface Candidate {
  readonly limit: number
  /** Undefined where the algorithm has none. */
  readonly burst: number | undefined
}

/**
 * Finds the rule whose limit is searched for: the one that is named, or the only one that can be meant.
 *
 * @throws TraceError
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
    throw new TraceError('no rule of this configuration has a limit that could be searched for')
  throw new TraceError(
    only === undefined
      ? `there is no rule '${rule}' whose limit could be searched for; there are ${list}`
      : `say with --rule, and --route, whose limit is searched for; there are ${list}`,
  )
}

/** All the rules whose limit can be searched for. */
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

/** The one limit of a rule; undefined where it has none, or several. */
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

/** A candidate in the words of a configuration: `30/minute burst 60`. */
export function textOf(target: Target, { limit, burst }: Candidate): string {
  const { limit: own } = target
  return formatLimit(
    own.algorithm === 'token-bucket' ? { ...own, limit, burst: burst ?? limit } : { ...own, limit },
  )
}

/** The configuration with a candidate in place of the rule's limit. */
export function withCandidate(config: GatewayConfig, target: Target, candidate: Candidate): GatewayConfig {
  const limit = textOf(target, candidate)
  const replaced = <P extends PolicyConfig>(policy: P): P =>
    policy.name === target.route
      ? {
          ...policy,
          rules: policy.rules.map((rule, index) => (index === target.index ? { ...rule, limit } : rule)),
        }
      : policy
  const { routes, fallback } = config
  return {
    ...config,
    routes: routes.map(replaced),
    fallback: fallback === 'deny' ? fallback : replaced(fallback),
  }
}
