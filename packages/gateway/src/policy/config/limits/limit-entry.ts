import {
  createLimiter,
  isOptionError,
  type KeySources,
  type LimiterRule,
  type Rule,
  type Tiers,
} from 'sluice'
import type { GatewayRequest } from '../../policy-request.js'
import type { Expression } from '../cel/expression.js'
import { mapOf, type Read } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { type ConfigNode, isText } from '../yaml/yaml-node.js'
import { type LimitValues, limitFields } from './limit-fields.js'
import { checkCost, readLimitText } from './limit-string.js'
import { keyOf, wordsOf } from './option-keys.js'

/** Limits of a route: each an entry of `limits`, a limit text or a map. */

/** What goes with one of the two kinds of limit only. */
const OF_RATE = ['of', 'algorithm', 'align', 'time_zone'] as const
const OF_CONCURRENCY = ['lease', 'wait', 'queue'] as const

/** A limit that was read, with its place. */
export interface ReadRule {
  readonly rule: Rule<GatewayRequest>
  readonly node: ConfigNode
}

/**
 * Reads an entry of `limits`.
 *
 * @param params names of the route's parameters; undefined where they are not known
 */
export function readLimit(params: readonly string[] | undefined): Read<ReadRule> {
  const wanted = 'a limit such as 10/minute, or a map such as { limit: 10/minute, by: ip }'
  const readFields = mapOf(limitFields(params), wanted)
  return (node, problems) => {
    const before = problems.count
    const values: LimitValues | undefined = isText(node) ? { limit: node.value } : readFields(node, problems)
    if (values === undefined) return undefined
    const at = (key: string) => (node.kind === 'map' ? (node.entries.get(key)?.value ?? node) : node)
    const written = new Set(node.kind === 'map' ? node.entries.keys() : ['limit'])
    checkKind(node, written, at, problems)
    if (written.has('limit')) readLimitText(values, at, problems)
    checkCost(values, at, problems)
    if (problems.count > before) return undefined

    const {
      limit,
      of,
      algorithm,
      align,
      time_zone: timeZone,
      by,
      cost,
      concurrent,
      lease,
      enforce,
      name,
      tiers,
      fallback_cost: fallbackCost,
      wait,
      queue,
    } = values
    const shared = {
      ...(by !== undefined && { by }),
      ...(cost !== undefined && { cost }),
      ...(enforce !== undefined && { enforce }),
      ...(name !== undefined && { name }),
      ...(fallbackCost !== undefined && { fallbackCost }),
      ...(tiers !== undefined && { tiers: tiers as Tiers<never> }),
    }
    const rule: Rule<GatewayRequest> =
      concurrent === undefined
        ? {
            limit: limit ?? '',
            ...(of !== undefined && { of }),
            ...(algorithm !== undefined && { algorithm }),
            ...(align !== undefined && { align }),
            ...(timeZone !== undefined && { timeZone }),
            ...shared,
          }
        : {
            concurrent,
            ...(lease !== undefined && { lease }),
            ...(wait !== undefined && { wait }),
            ...(queue !== undefined && { queue }),
            ...shared,
          }
    const refusal = refusalOf([rule])
    if (refusal === undefined) return { rule, node }
    problems.at(at(refusal.key ?? (written.has('limit') ? 'limit' : 'concurrent')), refusal.message)
    return undefined
  }
}

/** The rules as a limiter has them: named, and one for each limit. */
export function limiterRulesOf(rules: readonly Rule<GatewayRequest>[]): readonly LimiterRule[] {
  const limiter = createLimiter({ rules, keys: NO_KEYS, client: ({ client }) => client })
  limiter.close()
  return limiter.rules
}

/** Why the library rejects a list of rules. */
export interface RulesRefusal {
  /** Index of the rule that is wrong; undefined where the error does not say. */
  readonly index: number | undefined
  /** YAML key of the rule that is wrong; undefined where the rule as a whole is. */
  readonly key: string | undefined
  /** What is wrong, in the words of a configuration file. */
  readonly message: string
}

/** Asks the library to compile the rules. Returns undefined where it accepts them. */
export function refusalOf(rules: readonly Rule<GatewayRequest>[]): RulesRefusal | undefined {
  try {
    limiterRulesOf(rules)
    return undefined
  } catch (error) {
    if (!isOptionError(error)) throw error
    const [, index, option] = error.path
    return {
      index: typeof index === 'number' ? index : undefined,
      key: typeof option === 'string' ? keyOf(option) : undefined,
      message: wordsOf(error),
    }
  }
}

/** Whether one of the rules reads the body. */
export function readsBody(rules: readonly Rule<GatewayRequest>[]): boolean {
  return rules.flatMap(expressionsOf).some((expression) => expression.readsBody)
}

function expressionsOf(rule: Rule<GatewayRequest>): Expression<unknown>[] {
  const values: readonly unknown[] = [rule.cost, 'concurrent' in rule && rule.concurrent, rule.by].flat()
  return values.filter(
    (value): value is Expression<unknown> => typeof value === 'function' && 'readsBody' in value,
  )
}

/** A limit is over time or of what is in flight, and each has words of its own. */
function checkKind(
  node: ConfigNode,
  written: ReadonlySet<string>,
  at: (key: string) => ConfigNode,
  problems: Problems,
): void {
  const overTime = written.has('limit')
  const inFlight = written.has('concurrent')
  if (overTime && inFlight) {
    problems.at(at('concurrent'), "'limit' and 'concurrent' are two limits; write an entry for each")
  } else if (!overTime && !inFlight) {
    problems.at(node, "a limit has a 'limit', such as 10/minute, or a number 'concurrent'")
  } else {
    const [kind, misfits] = overTime ? ['concurrent', OF_CONCURRENCY] : ['limit', OF_RATE]
    for (const key of misfits) {
      if (written.has(key)) {
        problems.at(at(key), `'${key}' goes with '${kind}', which this limit does not have`)
      }
    }
  }
}

/** The rules are made to be looked at and are never asked, so that nothing is read with these. */
const NO_KEYS: KeySources<GatewayRequest> = {
  ip: ({ ip }) => ip,
  route: ({ route }) => route,
  header: ({ headers }, header) => headers[header],
}
