import { type Limit, parseLimits } from 'sluice'
import type { Problems } from './yaml/diagnostics.js'
import { type ConfigNode, isText, type MapNode } from './yaml/yaml-node.js'

/** A limit over this long or longer, in milliseconds, is a quota that should outlive a restart. */
const QUOTA_PERIOD_MS = 86_400_000

const WARNING =
  "a restart forgets what clients have used of this, because 'store' is memory; " +
  'keep a limit of a day or more in a shared store, such as store: redis://127.0.0.1:6379'

/**
 * Warns of each limit of a day or more, of routes, of `default` and of `limits`, in a file whose store is memory. Reads
 * the texts of the limits by themselves: what is wrong with one is reported by whatever compiles it.
 */
export function warnOfForgottenQuotas(root: MapNode, problems: Problems): void {
  const routes = itemsOf(root.entries.get('routes')?.value)
  const limitLists = [root, ...routes, root.entries.get('default')?.value].map((node) =>
    entry(node, 'limits'),
  )
  for (const limit of limitLists.flatMap(itemsOf))
    for (const text of limitTextsOf(limit)) if (hasQuota(text.value)) problems.warn(text, WARNING)
}

/** The limit of an entry of `limits`, and those of its tiers. */
function limitTextsOf(node: ConfigNode): (ConfigNode & { readonly value: string })[] {
  const tiers = entry(node, 'tiers')
  const ofTiers = tiers?.kind === 'map' ? [...tiers.entries.values()].map(({ value }) => value) : []
  return [node, entry(node, 'limit'), ...ofTiers].filter((each) => each !== undefined).filter(isText)
}

function hasQuota(text: string): boolean {
  return limitsOf(text).some((limit) => 'period' in limit && limit.period >= QUOTA_PERIOD_MS)
}

function limitsOf(text: string): readonly Limit[] {
  try {
    return parseLimits(text)
  } catch {
    return []
  }
}

function entry(node: ConfigNode | undefined, key: string): ConfigNode | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.value : undefined
}

/** The entries of a list; of anything else, itself. */
function itemsOf(node: ConfigNode | undefined): readonly ConfigNode[] {
  if (node === undefined) return []
  return node.kind === 'list' ? node.items : [node]
}
