import { type Store, StoreUnavailableError } from 'sluice'
import type { Act } from '../../../policy/acts/act.js'
import { labelOfClient } from '../../../policy/client-label.js'
import { ActsUnavailableError } from '../../acts/act-registry.js'
import { KeyError } from '../../identity/keys/key-error.js'
import type { KeyStore } from '../../identity/keys/key-store.js'
import { FORGOTTEN, OTHER } from '../../spend/spend-entry.js'
import type { SpendLedger } from '../../spend/spend-ledger.js'
import type { SpendRecorder } from '../../spend/spend-recorder.js'
import type { KnownClients } from '../live/known-clients.js'
import type { RecentRefusals } from '../live/recent-refusals.js'
import type { RuleView } from '../live/rule-view.js'
import { AdminActionError } from './action.js'
import type { ActChanges } from './operator-actions.js'

/** Everything of a gateway that contains clients. */
export interface ClientTraces {
  readonly spend: {
    readonly ledger: Pick<SpendLedger, 'forget'>
    readonly recorder: Pick<SpendRecorder, 'flush' | 'failure'>
  }
  readonly store: Store
  /** True if other gateways use the store as well. */
  readonly isShared: boolean
  readonly keys: {
    /** Returns the keys in the store; undefined if it keeps none. */
    readonly stored: () => Pick<KeyStore, 'list' | 'revoke'> | undefined
    /** Puts a change into effect on this gateway at once. */
    readonly refresh: () => Promise<void>
  }
  readonly acts: Pick<ActChanges, 'change'> & { readonly current: () => readonly Act[] }
  readonly view: Pick<RuleView, 'keysOf' | 'forget'>
  readonly known: Pick<KnownClients, 'forget'>
  readonly refusals: Pick<RecentRefusals, 'forget'>
  /** Removes a client, by its label, from the traffic that the dashboard shows. */
  readonly forgetTraffic: (client: string) => void
}

/** The number of keys that are listed at a time. */
const KEYS_PER_PAGE = 500

/** Maximum time to add to the ledger what waits for it. */
const FLUSH_TIMEOUT_MS = 2000

/**
 * Erases a client: moves its spend to the name `forgotten`, clears its usage, and removes its acts, its
 * keys in the store and what the dashboard shows about it. May be repeated.
 *
 * @returns what was removed, and what the gateway cannot remove
 * @throws AdminActionError (as a rejection) if a part cannot be removed now
 */
export async function forgetClient(client: string, traces: ClientTraces): Promise<string> {
  if (client === FORGOTTEN || client === OTHER)
    throw new AdminActionError(`'${client}' is the name of entries without a client in the ledger of spend`)
  const entries = await forgetSpend(client, traces.spend)
  const rules = await clearUsage(client, traces)
  const acts = await removeActs(client, traces.acts)
  const keys = await revokeKeys(client, traces.keys)
  const label = labelOfClient(client)
  const refusals = traces.refusals.forget(label)
  traces.known.forget(client)
  traces.view.forget(client)
  traces.forgetTraffic(label)
  const others = traces.isShared
    ? ' Other gateways keep what their dashboards show until they restart; run the command for each of them.'
    : ''
  return (
    `client ${client} is forgotten: ${counted(entries, 'entry', 'entries')} of spend moved to '${FORGOTTEN}', ` +
    `usage cleared under ${counted(rules, 'rule')}, ${counted(acts, 'act')} and ${counted(refusals, 'recent refusal')} ` +
    `removed, ${counted(keys, 'key')} in the store revoked, and the client removed from the lists of the dashboard. Not removed: lines in the log, the access ` +
    `log and the audit log, recordings, notices that wait for webhooks, exported metrics and traces, its keys in a ` +
    `keys file and its entries in configuration files, and usage under keys that combine the client with something else and ` +
    `were not seen recently, which expires. Requests that it sends from now on count again.${others}`
  )
}

async function forgetSpend(client: string, { ledger, recorder }: ClientTraces['spend']): Promise<number> {
  if (!(await recorder.flush(FLUSH_TIMEOUT_MS)))
    throw new AdminActionError(
      `the ledger of spend is unavailable, so nothing was removed: ${recorder.failure ?? 'it does not respond'}`,
      503,
    )
  try {
    return await ledger.forget(client)
  } catch (error) {
    const { message } = error as Error
    throw new AdminActionError(
      `the ledger of spend is unavailable; part of the spend may have been moved, so try again: ${message}`,
      503,
    )
  }
}

/** Clears the usage of a client in the store. @returns the number of rules */
async function clearUsage(client: string, { view, store }: ClientTraces): Promise<number> {
  // A shared rule appears once for each route, with the same scope.
  const keys = view.keysOf(client).map(({ rule, key }) => [rule.scope, key] as const)
  const unique = new Map(keys.map((key) => [JSON.stringify(key), key]))
  try {
    await Promise.all([...unique.values()].map(([scope, key]) => store.reset(scope, key)))
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    throw new AdminActionError(
      'the store is unavailable; the spend was moved, but usage and acts were not removed, so try again',
      503,
    )
  }
  return new Set([...unique.values()].map(([scope]) => scope)).size
}

/** Removes the acts about a client. @returns their number */
async function removeActs(client: string, { change, current }: ClientTraces['acts']): Promise<number> {
  const isAbout = (act: Act) => 'client' in act && act.client === client
  const count = current().filter(isAbout).length
  try {
    if (count > 0) await change((acts) => acts.filter((act) => !isAbout(act)))
  } catch (error) {
    if (!(error instanceof ActsUnavailableError)) throw error
    throw new AdminActionError(`${error.message}; spend and usage were removed, so try again`, 503)
  }
  return count
}

/** Revokes the keys of a client in the store. @returns their number */
async function revokeKeys(client: string, { stored, refresh }: ClientTraces['keys']): Promise<number> {
  const keys = stored()
  if (keys === undefined) return 0
  try {
    // Revoked keys would move the positions of the next pages.
    const ids: string[] = []
    let after: string | undefined
    do {
      const page = await keys.list({ client, limit: KEYS_PER_PAGE, after })
      ids.push(...page.keys.map(({ id }) => id))
      after = page.next
    } while (after !== undefined)
    for (const id of ids) await keys.revoke(id).catch(ignoreMissing)
    if (ids.length > 0) await refresh()
    return ids.length
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    throw new AdminActionError(
      `${error.message}; spend, usage and acts were removed, but some keys were not, so try again`,
      503,
    )
  }
}

/** Ignores that an operator revoked the key meanwhile. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof KeyError && error.kind === 'missing')) throw error
}

function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`
}
