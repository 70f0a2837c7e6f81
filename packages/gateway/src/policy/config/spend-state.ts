import { type GatewayConfig, policiesOf } from './config.js'
import { countsMoney } from './prices/money-limits.js'
import type { Problems } from './yaml/diagnostics.js'
import type { MapNode } from './yaml/yaml-node.js'

type SpendSettings = Pick<GatewayConfig, 'routes' | 'fallback' | 'store' | 'state'>

/** Reports whether requests have costs in money, which the ledger of spend keeps. */
function hasSpend(config: Pick<SpendSettings, 'routes' | 'fallback'>): boolean {
  return policiesOf(config).some(({ rules }) => rules.some(countsMoney))
}

/** Warns if what clients spend is lost at a restart, or if each gateway of a fleet keeps its own. */
export function warnOfVolatileSpend(root: MapNode, config: SpendSettings, problems: Problems): void {
  const { store, state } = config
  if (!hasSpend(config)) return
  const node = (root.entries.get('store') ?? root.entries.get('prices'))?.value ?? root
  if (store.kind === 'memcached')
    problems.warn(
      node,
      'Memcached cannot keep the ledger of spend: each gateway keeps its own' +
        `${state === undefined ? ", which is lost at a restart unless 'state' names a file" : ''}; ` +
        'use Redis to share it, such as store: redis://127.0.0.1:6379',
    )
  if (store.kind === 'memory' && state === undefined)
    problems.warn(
      node,
      "a restart forgets what clients have spent, because 'store' is memory; " +
        'name a file to keep it, such as state: acts.json, or use Redis',
    )
}

/** Describes where the ledger of spend is kept; returns no line if nothing is spent. */
export function describeSpend(config: SpendSettings): string[] {
  if (!hasSpend(config)) return []
  const { store, state } = config
  if (store.kind === 'redis') return ['  spend is kept in Redis for 13 months']
  return state === undefined
    ? ["  spend is lost at a restart; 'state' names a file to keep it"]
    : [`  spend is kept in ${state}.spend for 13 months`]
}
