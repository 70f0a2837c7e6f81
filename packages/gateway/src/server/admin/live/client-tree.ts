import type { Client } from 'sluice'
import { countsByClient } from '../../../policy/client-limits.js'
import type { Policies } from '../../../policy/policies.js'
import type { ReportedUsage } from '../../../policy/usage/usage-report.js'
import type { ClientTree, TreeLevel, TreeLimit, TreeNode } from '../api/client-tree.js'
import { callerOf } from './client-lookup.js'
import type { KnownClients } from './known-clients.js'
import type { RuleView } from './rule-view.js'

/** Maximum number of clients whose usage one tree reads. */
const MAX_CLIENTS = 50
/** Maximum number of rules of each node. */
const MAX_LIMITS = 10

interface TreeSources {
  readonly view: Pick<RuleView, 'rulesOf'>
  readonly known: Pick<KnownClients, 'labelled'>
  readonly policies: Pick<Policies, 'usageForOperator'>
}

/** A node whose children are still added. */
interface GrowingNode {
  readonly kind: TreeLevel
  readonly name: string
  readonly tier: string | undefined
  readonly limits: Map<string, TreeLimit>
  readonly children: Map<string, GrowingNode>
}

/**
 * Builds the tree of the clients with the labels `org` or `team` that sent requests recently. Rejects
 * with a StoreUnavailableError while the store is unavailable.
 *
 * @param search a part of an ID, a tier or a label; empty for all clients
 */
export async function clientTree(
  search: string,
  { view, known, policies }: TreeSources,
): Promise<ClientTree> {
  const matching = known.labelled(search)
  const clients = matching.slice(0, MAX_CLIENTS)
  const reports = await Promise.all(clients.map((client) => policies.usageForOperator(callerOf(client, ''))))
  const root = new Map<string, GrowingNode>()
  for (const [index, client] of clients.entries()) {
    const path = pathOf(client)
    let level = root
    const nodes = new Map<TreeLevel, GrowingNode>()
    for (const [kind, name] of path) {
      const node = childOf(level, kind, name, kind === 'client' ? client.tier : undefined)
      nodes.set(kind, node)
      level = node.children
    }
    for (const usage of reports[index]?.rules ?? []) {
      const kind = levelOf(usage, view)
      const node = kind && nodes.get(kind)
      if (node !== undefined && node.limits.size < MAX_LIMITS)
        node.limits.set(JSON.stringify([usage.routes[0], usage.rule, usage.model]), limitOf(usage))
    }
  }
  return { nodes: finishedAll(root), matching: matching.length, shown: clients.length }
}

/** Returns the nodes from the root to a client. A list of labels is one name. */
function pathOf({ id, labels = {} }: Client): readonly (readonly [kind: TreeLevel, name: string])[] {
  const labelled = (['org', 'team'] as const).flatMap((kind) => {
    const label = Object.hasOwn(labels, kind) ? labels[kind] : undefined
    return label === undefined ? [] : [[kind, [label].flat().join(', ')] as const]
  })
  return [...labelled, ['client', id]]
}

function childOf(
  level: Map<string, GrowingNode>,
  kind: TreeLevel,
  name: string,
  tier: string | undefined,
): GrowingNode {
  const id = `${kind} ${name}`
  const known = level.get(id)
  if (known !== undefined) return known
  const added = { kind, name, tier, limits: new Map(), children: new Map() }
  level.set(id, added)
  return added
}

/** Returns the node that a rule belongs to; undefined if it counts by something else. */
function levelOf({ routes, rule }: ReportedUsage, view: Pick<RuleView, 'rulesOf'>): TreeLevel | undefined {
  const keyedBy = view.rulesOf(routes[0] as string)?.find(({ name }) => name === rule)?.keyedBy
  if (keyedBy === undefined) return undefined
  if (countsByClient({ keyedBy })) return 'client'
  const parts = keyedBy.split(' + ')
  if (parts.includes('client.team')) return 'team'
  return parts.includes('client.org') ? 'org' : undefined
}

function limitOf(usage: ReportedUsage): TreeLimit {
  const { rule, routes, resource, limit, enforced = true, capacity, used, left, reset } = usage
  return {
    ...{ rule, routes, resource, limit, enforced },
    used: Number(capacity) > 0 ? Number(used) / Number(capacity) : 0,
    remaining: Number(left),
    resetAfter: reset * 1000,
  }
}

const LEVELS: readonly TreeLevel[] = ['org', 'team', 'client']

/** Sorts nodes by level and name, so that they do not move from one read to the next. */
function finishedAll(nodes: ReadonlyMap<string, GrowingNode>): readonly TreeNode[] {
  return [...nodes.values()]
    .sort(
      (one, other) =>
        LEVELS.indexOf(one.kind) - LEVELS.indexOf(other.kind) || (one.name < other.name ? -1 : 1),
    )
    .map(finished)
}

function finished({ kind, name, tier, limits, children }: GrowingNode): TreeNode {
  return {
    kind,
    name,
    ...(tier !== undefined && { tier }),
    limits: [...limits.values()],
    children: finishedAll(children),
  }
}
