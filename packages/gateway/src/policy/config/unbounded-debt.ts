import type { Rule } from 'sluice'
import { isTokenResource } from '../llm/reservation.js'
import { type ConfigPolicies, type PolicyConfig, policiesOf } from './config.js'
import { describeKey } from './describe-config.js'
import type { Problems } from './yaml/diagnostics.js'
import { entryOf, itemsOf, type MapNode } from './yaml/yaml-node.js'

/**
 * Warns about each route whose streams may overdraw a limit by as many answers as a client sends at
 * once, because they reserve less than they may use, go on when the limit is exhausted, and no limit
 * on requests in flight counts by the same key.
 */
export function warnOfUnboundedDebt(root: MapNode, config: ConfigPolicies, problems: Problems): void {
  const nodes = itemsOf(root.entries.get('routes')?.value)
  for (const [index, policy] of policiesOf(config).entries()) {
    const node = index < config.routes.length ? nodes[index] : root.entries.get('default')?.value
    const key = unboundedKeyOf(policy)
    const llm = node && entryOf(node, 'llm')
    if (key !== undefined && llm !== undefined)
      problems.warn(
        llm,
        `answers in flight may overdraw the limit of tokens by ${key}; ` +
          `add, for example, { concurrent: 8${key === 'client' ? '' : `, by: ${key}`} }, or when_exhausted: cut`,
      )
  }
}

/** Returns the key of the first such limit of a route. */
function unboundedKeyOf({ llm, rules }: PolicyConfig): string | undefined {
  if (llm?.reserve?.whenExhausted !== 'finish') return undefined
  const bounded = new Set(rules.filter((rule) => 'concurrent' in rule).map(keyOf))
  return rules
    .filter((rule) => 'of' in rule && isTokenResource(rule.of) && rule.of !== 'input_tokens')
    .map(keyOf)
    .find((key) => !bounded.has(key))
}

function keyOf({ by }: Pick<Rule<never>, 'by'>): string {
  return describeKey(by)
}
