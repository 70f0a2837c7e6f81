import { formatLimit, parseLimits } from 'sluice'
import { isTokenResource } from '../llm/reservation.js'
import { type GatewayConfig, policiesOf } from './config.js'
import { limiterRulesOf } from './limits/limit-entry.js'
import type { Problems } from './yaml/diagnostics.js'
import { type ConfigNode, entryOf, isString, itemsOf, type MapNode } from './yaml/yaml-node.js'

/**
 * Reports each limit with `shared` that differs from the first one of that name in `routes` and
 * `default`, and those that share their name with a top-level limit. Their states would be one, but
 * a request would be decided by the definition of its route.
 */
export function checkSharedLimits(root: MapNode, problems: Problems): void {
  const policies = [...itemsOf(entryOf(root, 'routes')), entryOf(root, 'default')]
  const firsts = new Map<string, ConfigNode>()
  for (const limit of itemsOf(entryOf(root, 'limits'))) {
    const [name, resource] = [entryOf(limit, 'name'), entryOf(limit, 'of')]
    // Other limits are added to every route, where two limits of one name are an error anyway.
    const isOfTokens = resource !== undefined && isString(resource) && isTokenResource(resource.value)
    if (isOfTokens && name !== undefined && isString(name)) firsts.set(name.value, name)
  }
  for (const limit of policies.flatMap((policy) => itemsOf(entryOf(policy, 'limits')))) {
    const name = entryOf(limit, 'shared')
    if (name === undefined || !isString(name)) continue
    const first = firsts.get(name.value)
    if (first === undefined) firsts.set(name.value, limit)
    else if (first.kind !== 'map')
      problems.at(
        name,
        `the limit of all routes on line ${problems.lineOf(first)} is called '${name.value}' too; choose another name`,
      )
    else checkSame(limit, first, name, problems)
  }
}

function checkSame(
  limit: ConfigNode,
  first: MapNode,
  name: ConfigNode & { value: string },
  problems: Problems,
): void {
  const keys = new Set([...keysOf(limit), ...keysOf(first)])
  const different = [...keys].find(
    (key) => textOf(key, entryOf(limit, key)) !== textOf(key, entryOf(first, key)),
  )
  if (different === undefined) return
  problems.at(
    entryOf(limit, different) ?? limit,
    `'${different}' of the shared limit '${name.value}' differs from its definition on line ${problems.lineOf(entryOf(first, different) ?? first)}; write the same limit in both places, or choose another name`,
  )
}

function keysOf(node: ConfigNode): readonly string[] {
  return node.kind === 'map' ? [...node.entries.keys()] : []
}

/** Returns a text that is equal for values with the same meaning. */
function textOf(key: string, node: ConfigNode | undefined): string {
  if (node === undefined) return ''
  if (node.kind === 'list') return JSON.stringify(node.items.map((item) => textOf('', item)))
  if (node.kind === 'map')
    return JSON.stringify([...node.entries].map(([each, { value }]) => [each, textOf(each, value)]).sort())
  return key === 'limit' && isString(node)
    ? limitText(node.value)
    : JSON.stringify('value' in node ? node.value : '')
}

function limitText(limit: string): string {
  try {
    return JSON.stringify(parseLimits(limit).map(formatLimit))
  } catch {
    return limit
  }
}

/** Returns where each rule that routes share applies, by the scope of the rule. */
export function routesOfSharedRules(
  config: Pick<GatewayConfig, 'routes' | 'fallback'>,
): ReadonlyMap<string, 'all routes' | 'several routes'> {
  const policies = policiesOf(config)
  const counts = new Map<string, number>()
  for (const { rules } of policies)
    for (const { scope, shared } of limiterRulesOf(rules))
      if (shared) counts.set(scope, (counts.get(scope) ?? 0) + 1)
  return new Map(
    [...counts].map(([scope, count]) => [scope, count === policies.length ? 'all routes' : 'several routes']),
  )
}
