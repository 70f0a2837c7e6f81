import { type Limit, parseLimits } from 'sluice'
import { limitStringsOf } from './limits/limit-string.js'
import type { Problems } from './yaml/diagnostics.js'
import { entryOf, itemsOf, type MapNode } from './yaml/yaml-node.js'

/** A limit over this period or longer is a quota, which should survive a restart. */
const QUOTA_PERIOD_MS = 86_400_000

const WARNING =
  "a restart resets this limit, because 'store' is memory; " +
  'use a shared store for limits of a day or more, such as store: redis://127.0.0.1:6379'

/**
 * Warns about each limit of a day or more in `routes`, `default` and `limits` of a file with the
 * memory store. Invalid limits are skipped, since their decoder reports them.
 */
export function warnOfVolatileQuotas(root: MapNode, problems: Problems): void {
  const routes = itemsOf(root.entries.get('routes')?.value)
  const limitLists = [root, ...routes, root.entries.get('default')?.value].map((node) =>
    entryOf(node, 'limits'),
  )
  for (const limit of limitLists.flatMap(itemsOf))
    for (const node of limitStringsOf(limit)) if (hasQuota(node.value)) problems.warn(node, WARNING)
}

function hasQuota(limit: string): boolean {
  return validLimits(limit).some((each) => 'period' in each && each.period >= QUOTA_PERIOD_MS)
}

function validLimits(limit: string): readonly Limit[] {
  try {
    return parseLimits(limit)
  } catch {
    return []
  }
}
