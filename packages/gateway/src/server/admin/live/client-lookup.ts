import { isIP } from 'node:net'
import { type Client, RequestError } from 'sluice'
import { overrideOf } from '../../../policy/act-overrides.js'
import type { Act } from '../../../policy/acts/act.js'
import type { Policies } from '../../../policy/policies.js'
import type { ReportedUsage } from '../../../policy/usage/usage-report.js'
import type { UsageCaller } from '../../../policy/usage/usage-request.js'
import type { ClientState, OtherRule, OwnLimit } from '../api/client-status.js'
import { keyOfClient } from './key-labels.js'
import type { KnownClients } from './known-clients.js'
import type { WatchedRule } from './route-usage.js'
import { overriddenSettings, type RuleView } from './rule-view.js'

interface LookupSources {
  readonly view: Pick<RuleView, 'client' | 'rulesOf'>
  readonly known: Pick<KnownClients, 'find'>
  readonly policies: Pick<Policies, 'usageForOperator'> | undefined
  /** The acts in effect that fit the configuration. */
  readonly acts: readonly Act[]
}

/**
 * Returns what is known about a client: its tier, and its usage under every rule. Resolves to
 * undefined for an unknown client. Rejects with a StoreUnavailableError while the store is
 * unavailable.
 *
 * @param search the key or id of a client, or a part of its key
 */
export async function lookUpClient(
  search: string,
  { view, known, policies, acts }: LookupSources,
): Promise<ClientState | undefined> {
  const seen = await view.client(search)
  const label = seen?.client ?? search
  const client = known.find(label)
  if (seen === undefined && client === undefined) return undefined
  const ownLimit = (route: string, rule: string) => ownLimitOf(acts, client, watchedRule(view, route, rule))
  const found = {
    client: client === undefined || seen !== undefined ? label : keyOfClient(client.id),
    ...(client?.tier !== undefined && { tier: client.tier }),
    rules: (seen?.rules ?? []).map((each) => ({ ...each, ...ownLimit(each.route, each.rule) })),
  }
  // The key of another rule, such as the digest of a header, names no client.
  if (policies === undefined || (client === undefined && isIP(label) === 0))
    return { ...found, others: [], unknown: [] }
  const report = await policies.usageForOperator(callerOf(client, label))
  const isSeen = ({ routes, rule }: Pick<OtherRule, 'routes' | 'rule'>) =>
    found.rules.some((each) => each.rule === rule && routes.includes(each.route))
  return {
    ...found,
    others: report.rules
      .filter((each) => !isSeen(each))
      .map((each) => ({ ...otherRule(each, view), ...ownLimit(each.routes[0] as string, each.rule) })),
    unknown: report.unknown
      .filter((each) => !isSeen(each))
      .map(({ routes, rule, resource }) => ({ routes, rule, resource })),
  }
}

function otherRule(usage: ReportedUsage, view: LookupSources['view']): OtherRule {
  const { routes, rule, resource, limit, model, enforced = true, capacity, used, left, reset } = usage
  const watched = watchedRule(view, routes[0] as string, rule)
  return {
    ...{ routes, rule, resource, limit, enforced },
    keyedBy: watched?.keyedBy ?? 'client',
    ...(model !== undefined && { model }),
    used: Number(capacity) > 0 ? Number(used) / Number(capacity) : 0,
    remaining: Number(left),
    resetAfter: reset * 1000,
    ...(watched && overriddenSettings(watched)),
  }
}

function watchedRule(view: LookupSources['view'], route: string, rule: string): WatchedRule | undefined {
  return view.rulesOf(route)?.find(({ name }) => name === rule)
}

/** Returns the act that sets the limit of a client under a rule. */
function ownLimitOf(
  acts: readonly Act[],
  client: Client | undefined,
  rule: WatchedRule | undefined,
): { readonly ownLimit?: OwnLimit } {
  const act = client && rule && overrideOf(acts, client.id, rule)
  if (act === undefined) return {}
  const { by, reason, until } = act
  const scale = 'scale' in act && { scale: act.scale }
  return { ownLimit: { ...scale, by, reason, ...(until !== undefined && { until }) } }
}

/** Describes the sender of a request of which nothing but the client or the address is known. */
export function callerOf(client: Client | undefined, address: string): UsageCaller {
  const unknown = (part: string): never => {
    throw new RequestError(`the usage depends on ${part} of the request`)
  }
  return {
    client,
    get ip() {
      return client === undefined ? address : unknown('the address')
    },
    get headers() {
      return unknown('the headers')
    },
    header: (name) => unknown(`the header '${name}'`),
  }
}
