import {
  createLimiter,
  isOptionError,
  type KeySources,
  type LimiterRule,
  type Rule,
  type Tiers,
} from 'sluice'
import { MONEY } from 'sluice/internal'
import { isTokenResource } from '../../llm/reservation.js'
import type { GatewayRequest } from '../../policy-request.js'
import type { Expression } from '../cel/expression.js'
import type { ExpressionScope } from '../cel/expression-scope.js'
import { type Decoder, mapOf, withKeysOf } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { type ConfigNode, isString } from '../yaml/yaml-node.js'
import { classNames, decodeClass } from './limit-class.js'
import { type Algorithm, type LimitValues, limitShape } from './limit-shape.js'
import { checkCost, checkLimitString, decodeLimitExpression, isLimitExpression } from './limit-string.js'
import { moneyCost } from './money-cost.js'
import { messageOf, yamlKeyOf } from './option-errors.js'

/** The keys that are valid only for a rate limit. */
const RATE_KEYS = [
  'of',
  'algorithm',
  'align',
  'time_zone',
  'penalty',
  'penalty_growth',
  'penalty_max',
  'warn',
  'soft',
  'reserve',
] as const
/** The keys that are valid only for a limit on requests in flight. */
const CONCURRENCY_KEYS = ['lease', 'fair', 'weights', 'class', 'classes', 'first_token'] as const

/** A decoded limit and the node that it was decoded from. */
export interface LocatedRule {
  readonly rule: Rule<GatewayRequest>
  readonly node: ConfigNode
  /** True if every client sees the usage of the rule. */
  readonly visible: boolean
}

/**
 * Creates the decoder of an entry of `limits`: a limit string or a map.
 *
 * @param scope the names that expressions may use
 * @param defaultAlgorithm the algorithm of limits without their own, if it is not a token bucket
 */
export function limitDecoder(
  scope: ExpressionScope,
  defaultAlgorithm: Algorithm | undefined,
): Decoder<LocatedRule> {
  const expected = 'a limit such as 10/minute, or a map such as { limit: 10/minute, by: ip }'
  const limitMap = mapOf(limitShape(scope), expected)
  return withKeysOf(limitMap, (node, problems) => {
    const problemsBefore = problems.count
    const own: LimitValues | undefined = isString(node) ? { limit: node.value } : limitMap(node, problems)
    if (own === undefined) return undefined
    const values: LimitValues =
      own.algorithm === undefined && defaultAlgorithm !== undefined && !impliesWindows(own)
        ? { ...own, algorithm: defaultAlgorithm }
        : own
    const limitNode = node.kind === 'map' ? node.entries.get('limit')?.value : node
    const expression =
      limitNode !== undefined && isString(limitNode) && isLimitExpression(limitNode.value)
        ? decodeLimitExpression(limitNode, scope, values, problems)
        : undefined
    const at = (key: string) => (node.kind === 'map' ? (node.entries.get(key)?.value ?? node) : node)
    const keys = new Set(node.kind === 'map' ? node.entries.keys() : ['limit'])
    checkKind(node, keys, at, problems)
    if (values.shared !== undefined && values.name !== undefined)
      problems.at(at('name'), "'shared' names the limit already; remove 'name'")
    if (keys.has('reserve') && !isTokenResource(values.of))
      problems.at(at('reserve'), "'reserve' applies only to a limit of tokens or money; remove it")
    const isMoney = values.of === MONEY
    const checked = {
      ...values,
      limit: expression ?? values.limit,
      cost: isMoney ? moneyCost(values.cost, at('cost'), problems) : values.cost,
      fallback_cost: isMoney
        ? moneyCost(values.fallback_cost, at('fallback_cost'), problems)
        : values.fallback_cost,
    }
    if (keys.has('limit') && problems.count === problemsBefore) checkLimitString(checked, at, problems)
    checkCost(checked, at, problems)
    const classOf =
      values.class === undefined
        ? undefined
        : decodeClass(at('class'), values.class, classNames(values.classes ?? []), scope, problems)
    if (problems.count > problemsBefore) return undefined

    const {
      of,
      algorithm,
      align,
      time_zone: timeZone,
      by,
      concurrent,
      lease,
      fair,
      weights,
      classes,
      first_token: firstToken,
      enforce,
      shared: sharedName,
      name = sharedName,
      tiers,
      wait,
      queue,
      when,
      penalty,
      penalty_growth: penaltyGrowth,
      penalty_max: penaltyMax,
      warn,
      soft,
    } = values
    const { limit = '', cost, fallback_cost: fallbackCost } = checked
    const common = {
      ...(sharedName !== undefined && { shared: true }),
      ...(by !== undefined && { by }),
      ...(cost !== undefined && { cost }),
      ...(enforce !== undefined && { enforce }),
      ...(name !== undefined && { name }),
      ...(fallbackCost !== undefined && { fallbackCost }),
      ...(tiers !== undefined && { tiers: tiers as Tiers<never> }),
      ...(wait !== undefined && { wait }),
      ...(queue !== undefined && { queue }),
      ...(when !== undefined && { when }),
    }
    const rule: Rule<GatewayRequest> =
      concurrent === undefined
        ? {
            limit,
            ...(of !== undefined && { of }),
            ...(algorithm !== undefined && { algorithm }),
            ...(align !== undefined && { align }),
            ...(timeZone !== undefined && { timeZone }),
            ...(penalty !== undefined && { penalty }),
            ...(penaltyGrowth !== undefined && { penaltyGrowth }),
            ...(penaltyMax !== undefined && { penaltyMax }),
            ...(warn !== undefined && { warn }),
            ...(soft !== undefined && { soft }),
            ...common,
          }
        : {
            concurrent,
            ...(lease !== undefined && { lease }),
            ...(fair !== undefined && { fair }),
            ...(weights !== undefined && { weights }),
            ...(classes !== undefined && { classes }),
            ...(classOf !== undefined && { class: classOf }),
            ...(firstToken !== undefined && { firstToken }),
            ...common,
          }
    const error = rulesErrorOf([rule])
    if (error === undefined) return { rule, node, visible: values.visible === true }
    problems.at(at(error.key ?? (keys.has('limit') ? 'limit' : 'concurrent')), error.message)
    return undefined
  })
}

/** Reports whether a limit counts in fixed windows, whatever the default algorithm is. */
function impliesWindows({ align, of }: LimitValues): boolean {
  return align !== undefined || of === MONEY
}

/** Compiles rules as a limiter does: each limit becomes a separate, named rule. */
export function limiterRulesOf(rules: readonly Rule<GatewayRequest>[]): readonly LimiterRule[] {
  const limiter = createLimiter({ rules, keys: NO_KEYS, client: ({ client }) => client })
  limiter.close()
  return limiter.rules
}

/** The library's reason for rejecting a list of rules. */
export interface RulesError {
  /** Index of the invalid rule; undefined if the error names none. */
  readonly index: number | undefined
  /** YAML key of the invalid option; undefined if the rule as a whole is invalid. */
  readonly key: string | undefined
  /** Worded for a configuration file. */
  readonly message: string
}

/**
 * Validates rules with the library. Returns undefined if they are valid. The cost of a rule may still
 * be missing.
 */
export function rulesErrorOf(rules: readonly Rule<GatewayRequest>[]): RulesError | undefined {
  try {
    limiterRulesOf(rules.map((rule) => (rule.cost === undefined ? { ...rule, cost: 1 } : rule)))
    return undefined
  } catch (error) {
    if (!isOptionError(error)) throw error
    const [, index, option] = error.path
    return {
      index: typeof index === 'number' ? index : undefined,
      key: typeof option === 'string' ? yamlKeyOf(option) : undefined,
      message: messageOf(error),
    }
  }
}

/** Reports whether an expression of the rules reads the body. */
export function readsBody(rules: readonly Rule<GatewayRequest>[]): boolean {
  return rules.flatMap(expressionsOf).some((expression) => expression.readsBody)
}

/** Reports whether an expression of the rules reads the model of the call. */
export function readsModel(rules: readonly Rule<GatewayRequest>[]): boolean {
  return rules.flatMap(expressionsOf).some((expression) => expression.readsModel)
}

/** Lists the expressions of a rule. */
export function expressionsOf(rule: Rule<GatewayRequest>): Expression<unknown>[] {
  const bound = 'concurrent' in rule ? rule.concurrent : rule.limit
  const ofLine = 'concurrent' in rule ? [rule.fair, rule.class] : []
  const values: readonly unknown[] = [rule.cost, bound, rule.by, rule.when, ofLine].flat(2)
  return values.filter(
    (value): value is Expression<unknown> => typeof value === 'function' && 'readsBody' in value,
  )
}

/**
 * Reports a limit with both 'limit' and 'concurrent' or neither, and keys that do not apply to it.
 */
function checkKind(
  node: ConfigNode,
  keys: ReadonlySet<string>,
  at: (key: string) => ConfigNode,
  problems: Problems,
): void {
  const isRate = keys.has('limit')
  const isConcurrency = keys.has('concurrent')
  if (isRate && isConcurrency) {
    problems.at(at('concurrent'), "'limit' and 'concurrent' are two limits; write an entry for each")
  } else if (!isRate && !isConcurrency) {
    problems.at(node, "a limit requires 'limit', such as 10/minute, or 'concurrent', such as 4")
  } else {
    const [required, misplaced] = isRate ? ['concurrent', CONCURRENCY_KEYS] : ['limit', RATE_KEYS]
    for (const key of misplaced) {
      if (keys.has(key))
        problems.at(
          at(key),
          `'${key}' applies only to an entry with '${required}'; move it to one, or remove it`,
        )
    }
  }
}

/** The limiter is compiled only to inspect its rules, so these functions are never called. */
export const NO_KEYS: KeySources<GatewayRequest> = {
  ip: ({ ip }) => ip,
  route: ({ route }) => route,
  header: ({ headers }, header) => headers[header],
}
