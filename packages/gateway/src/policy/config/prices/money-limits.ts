import type { Rule } from 'sluice'
import { MONEY } from 'sluice/internal'
import type { Pricing } from '../../llm/call-price.js'
import type { PolicyConfig, PricesConfig } from '../config.js'
import type { LocatedRule } from '../limits/limit-entry.js'
import { isLimitExpression, limitStringsOf } from '../limits/limit-string.js'
import type { Problems } from '../yaml/diagnostics.js'
import { type ConfigNode, entryOf, isString, itemsOf, type MapNode } from '../yaml/yaml-node.js'

/** Reports whether a rule counts the money that calls cost. */
export function countsMoney(rule: Rule<never>): boolean {
  return 'of' in rule && rule.of === MONEY
}

/**
 * Reports limits on money without a price list, and those in another currency than its prices.
 * Invalid limits are skipped, since their decoder reports them.
 */
export function checkMoneyLimits(root: MapNode, prices: PricesConfig | undefined, problems: Problems): void {
  const policies = [root, ...itemsOf(entryOf(root, 'routes')), entryOf(root, 'default')]
  for (const limit of policies.flatMap((policy) => itemsOf(entryOf(policy, 'limits')))) {
    const resource = entryOf(limit, 'of')
    if (resource === undefined || !isString(resource) || resource.value !== MONEY) continue
    // A limit with `cost` needs no prices.
    if (entryOf(limit, 'cost') !== undefined) continue
    if (!root.entries.has('prices'))
      problems.at(
        resource,
        "a limit on money requires the prices of models; add 'prices: prices.yaml' to the file, or 'cost' to the limit",
      )
    if (prices === undefined) continue
    const [own, ...tiers] = limitStringsOf(limit)
    // The currency of tiers is that of the limit, unless an expression returns it.
    const checked = own !== undefined && isLimitExpression(own.value) ? [own, ...tiers] : [own]
    for (const node of checked) if (node !== undefined) checkCurrency(node, prices.list.currency, problems)
  }
}

/** An amount of money in a limit string, or in a string of an expression. */
const AMOUNT = /\d\s*[kKMG]?\s*([A-Z]{3})\s*(?:\/|per\b)/g

function checkCurrency(
  node: ConfigNode & { readonly value: string },
  currency: string,
  problems: Problems,
): void {
  const found = [...node.value.matchAll(AMOUNT)].find(([, code]) => code !== currency)
  const code = found?.[1]
  if (found === undefined || code === undefined) return
  problems.inString(
    node,
    found.index + found[0].indexOf(code),
    `the prices are in ${currency}, so a limit cannot be in ${code}`,
  )
}

/** Adds the prices to the calls of a policy, if one of its rules counts money. */
export function withPrices<P extends PolicyConfig>(policy: P, pricing: Pricing | undefined): P {
  const { llm, rules } = policy
  if (llm === undefined || pricing === undefined || !rules.some(countsMoney)) return policy
  return { ...policy, llm: { ...llm, pricing } }
}

/**
 * Marks a policy that a limit on money of all routes applies to, but without `llm`: requests to
 * vendors' APIs would be free. It is not marked if it states `unpriced: allow`.
 */
export function withUnpriced<P extends PolicyConfig>(policy: P, shared: readonly LocatedRule[]): P {
  if (policy.llm !== undefined || policy.refusesUnpriced === false) return policy
  const isFree = shared.some(({ rule }) => countsMoney(rule) && rule.cost === undefined)
  return isFree ? { ...policy, refusesUnpriced: true } : policy
}
