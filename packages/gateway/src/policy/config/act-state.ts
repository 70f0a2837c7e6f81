import { type AdminConfig, adminTokensOf, type StoreConfig } from './config.js'
import type { Problems } from './yaml/diagnostics.js'
import type { MapNode } from './yaml/yaml-node.js'

interface ActSettings {
  readonly store: StoreConfig
  readonly admin: AdminConfig | undefined
  readonly state: string | undefined
}

/**
 * Reports where the acts of operators are kept if the file asks for something else, or if others in
 * the fleet do not see them.
 */
export function checkActState(root: MapNode, { store, admin, state }: ActSettings, problems: Problems): void {
  const node = root.entries.get('state')?.value
  if (node !== undefined && store.kind === 'redis')
    problems.at(node, "acts are kept in Redis, where all gateways read them; remove 'state'")
  if (store.kind !== 'memcached' || !canAct(admin)) return
  const storeNode = root.entries.get('store')?.value ?? root
  const kept = state === undefined ? " and are lost at a restart unless 'state' names a file" : ''
  problems.warn(
    storeNode,
    `Memcached cannot keep the acts of operators, such as blocks: they apply to this gateway only${kept}; ` +
      'use Redis to share them, such as store: redis://127.0.0.1:6379',
  )
}

/** Reports whether operators may act. */
export function canAct(admin: AdminConfig | undefined): boolean {
  if (admin === undefined) return false
  return (admin.oidc?.act ?? []).length > 0 || adminTokensOf(admin).some(({ role }) => role === 'act')
}
