import type { PolicyConfig } from '../config.js'
import type { Read } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { type ReadRule, readsBody, refusalOf } from './limit-entry.js'
import { readLimits } from './limit-list.js'
import { tokensOf, withTokenCosts } from './token-limits.js'

/** `limits` of the whole file: what all routes share, such as the places that the upstream has. */

export const readSharedLimits: Read<readonly ReadRule[]> = (node, problems) => {
  const limits = readLimits(undefined)(node, problems)
  return limits?.flatMap(({ rule, node: place }) => {
    if ('wait' in rule) {
      problems.at(place, "a limit that all routes share has no 'wait'; only those of one route have a line")
      return []
    }
    return [{ node: place, rule: { ...rule, shared: true } }]
  })
}

/** The policy of a route with the limits that it shares with the others; of tokens only where they are read. */
export function withShared<P extends PolicyConfig>(
  policy: P,
  shared: readonly ReadRule[],
  problems: Problems,
): P {
  if (shared.length === 0) return policy
  const met = shared.filter(
    ({ rule }) => rule.cost !== undefined || policy.llm !== undefined || tokensOf(rule) === undefined,
  )
  const added = withTokenCosts(met, policy.llm, problems)
  const rules = [...policy.rules, ...added]
  const refusal = refusalOf(rules)
  const place = refusal && met[(refusal.index ?? 0) - policy.rules.length]
  if (place !== undefined) problems.at(place.node, `with the route ${policy.name}: ${refusal?.message}`)
  return { ...policy, rules, readsBody: policy.readsBody || readsBody(added) }
}
