import { isAutomatic } from 'sluice/internal'
import { type ConfigPolicies, type PolicyConfig, policiesOf } from './config.js'
import type { Problems } from './yaml/diagnostics.js'
import { entryOf, type MapNode } from './yaml/yaml-node.js'

/**
 * Warns about `concurrent: auto` if no route tells when responses begin and what they take, so that the
 * slots cannot follow the server.
 */
export function warnOfBlindWindows(root: MapNode, config: ConfigPolicies, problems: Problems): void {
  const policies = policiesOf(config).filter(hasWindow)
  if (policies.length === 0 || policies.some(({ llm }) => llm?.asksForUsage === true)) return
  const knowsCalls = policies.some(({ llm }) => llm !== undefined)
  problems.warn(
    entryOf(root, 'limits') ?? entryOf(root, 'routes') ?? root,
    `'concurrent: auto' cannot follow a server ${knowsCalls ? 'whose streams report no usage' : "on routes without 'llm'"}, ` +
      `so only max, metrics and what the upstream says limit requests; ${knowsCalls ? 'remove ask_for_usage: false' : "add 'llm' to the routes"}`,
  )
}

/** Reports whether a limit of a policy follows its server. */
export function hasWindow({ rules }: PolicyConfig): boolean {
  return rules.some((rule) => 'concurrent' in rule && isAutomatic(rule.concurrent))
}
