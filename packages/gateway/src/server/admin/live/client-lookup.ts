import { isIP } from 'node:net'
import { type Client, RequestError } from 'sluice'
import type { Policies } from '../../../policy/policies.js'
import type { ReportedUsage } from '../../../policy/usage/usage-report.js'
import type { UsageCaller } from '../../../policy/usage/usage-request.js'
import type { ClientState, OtherRule } from '../api/client-status.js'
import { keyOfClient } from './key-labels.js'
import type { KnownClients } from './known-clients.js'
import { overriddenSettings, type RuleView } from './rule-view.js'

interface LookupSources {
  readonly view: Pick<RuleView, 'client' | 'rulesOf'>
  readonly known: Pick<KnownClients, 'find'>
  readonly policies: Pick<Policies, 'usageForOperator'> | undefined
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
  { view, known, policies }: LookupSources,
): Promise<ClientState | undefined> {
  const seen = await view.client(search)
  const label = seen?.client ?? search
  const client = known.find(label)
  if (seen === undefined && client === undefined) return undefined
  const found = {
    client: client === undefined || seen !== undefined ? label : keyOfClient(client.id),
    ...(client?.tier !== undefined && { tier: client.tier }),
    rules: seen?.rules ?? [],
  }
  // The key of another rule, such as the digest of a header, names no client.
  if (policies === undefined || (client === undefined && isIP(label) === 0))
    return { ...found, others: [], unknown: [] }
  const report = await policies.usageForOperator(callerOf(client, label))
  const isSeen = ({ routes, rule }: Pick<OtherRule, 'routes' | 'rule'>) =>
    found.rules.some((each) => each.rule === rule && routes.includes(each.route))
  return {
    ...found,
    others: report.rules.filter((each) => !isSeen(each)).map((each) => otherRule(each, view)),
    unknown: report.unknown
      .filter((each) => !isSeen(each))
      .map(({ routes, rule, resource }) => ({ routes, rule, resource })),
  }
}

function otherRule(usage: ReportedUsage, view: LookupSources['view']): OtherRule {
  const { routes, rule, resource, limit, model, enforced = true, capacity, used, left, reset } = usage
  const watched = view.rulesOf(routes[0] as string)?.find(({ name }) => name === rule)
  return {
    ...{ routes, rule, resource, limit, enforced },
    keyedBy: watched?.keyedBy ?? 'client',
    ...(model !== undefined && { model }),
    used: capacity > 0 ? used / capacity : 0,
    remaining: left,
    resetAfter: reset * 1000,
    ...(watched && overriddenSettings(watched)),
  }
}

/** Describes the sender of a request of which nothing but the client or the address is known. */
function callerOf(client: Client | undefined, address: string): UsageCaller {
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
