import { keyParts, type LimiterEvent, type Store, scaleLimit } from 'sluice'
import { clientKey } from 'sluice/internal'
import { clientLabel, labelOfClient } from '../../../policy/client-label.js'
import { limitText, roundedLimitText } from '../../../policy/limit-text.js'
import type { RoutePolicy } from '../../../policy/policy.js'
import type { RequestSender } from '../../../policy/policy-request.js'
import type { ClientState, TopClients } from '../api/client-status.js'
import type { KeyFullness, RouteStatus, RuleStatus } from '../api/gateway-status.js'
import { idInKey, keyId, keyOfClient, matchesKey, possibleKeys, shownKey } from './key-labels.js'
import { type KeyStatus, keyStatuses } from './key-status.js'
import type { KeyUsage } from './key-usage.js'
import { RouteUsage, type WatchedRule } from './route-usage.js'
import { TopClientCounter } from './top-clients.js'

/** Maximum number of keys shown for each rule. */
const MAX_SHOWN_KEYS = 10
/** Maximum number of rules in the state of one client. */
const MAX_RULES = 200

type RouteWarmUps = Iterable<readonly [route: string, warmUp: { scale: number; isReady: boolean }]>

/**
 * The usage of all rules and clients, as shown on the dashboard. Memory does not grow with the
 * number of clients.
 */
export class RuleView {
  readonly #rules = new RouteUsage()
  readonly #topClients = new TopClientCounter()

  /**
   * @param store provides the exact usage of keys
   * @param warmUps returns the warm-ups of the routes that have one
   */
  constructor(
    private readonly store: Store,
    private readonly warmUps: () => RouteWarmUps,
  ) {}

  /** Replaces the routes and rules. Rules that already existed keep their usage. */
  setPolicies(policies: readonly RoutePolicy[]): void {
    this.#rules.setPolicies(policies)
  }

  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void {
    if (event.type !== 'allowed' && event.type !== 'refused') return
    const now = performance.now()
    this.#rules.record(route, event.quotas, now)
    this.#topClients.record(clientLabel(event.request), event.type === 'allowed', now)
  }

  topClients(): TopClients {
    return this.#topClients.read(performance.now())
  }

  get keysSeen(): number {
    return this.#rules.all.reduce((sum, { usage }) => sum + usage.keysSeen, 0)
  }

  /** Rejects with a StoreUnavailableError while the store is unavailable. */
  async routes(): Promise<RouteStatus[]> {
    const warmUps = new Map(this.warmUps())
    const now = performance.now()
    const fullness = new Map<WatchedRule, KeyFullness[]>()
    const topKeys = this.#rules.all.flatMap((rule) =>
      rule.usage
        .topKeys(MAX_SHOWN_KEYS, now)
        .map(({ key, limit }) => ({ rule, scope: rule.scope, key, limit, penalty: rule.penalty })),
    )
    const statuses = await keyStatuses(this.store, topKeys)
    topKeys.forEach(({ rule, key }, index) => {
      const { used, remaining, retryAfterOfOne } = statuses[index] as KeyStatus
      const shown = { key: shownKey(key), id: keyId(key), used, remaining, retryAfter: retryAfterOfOne }
      if (used > 0) fullness.set(rule, [...(fullness.get(rule) ?? []), shown])
    })
    return this.#rules.routes.map((route) => {
      const warmUp = warmUps.get(route)
      const rules = this.#rules.of(route) ?? []
      return {
        route,
        ...(warmUp && { warmUp: { scale: warmUp.scale, ready: warmUp.isReady } }),
        rules: rules.map((rule) => statusOf(rule, warmUp?.scale ?? 1, fullness.get(rule) ?? [])),
      }
    })
  }

  /**
   * Returns the usage of one client under every rule that has seen it. The search is the key or id of a client. If
   * no client has it, a recent key that contains the search is used. Resolves to undefined if there
   * is none. Rejects with a StoreUnavailableError while the store is unavailable.
   */
  async client(search: string): Promise<SeenClient | undefined> {
    const exact = await this.#find(search)
    if (exact !== undefined) return exact
    for (const { usage } of this.#rules.all)
      for (const { key } of usage.keys()) if (shownKey(key).includes(search)) return this.#find(keyId(key))
    return undefined
  }

  async #find(search: string): Promise<SeenClient | undefined> {
    const found = this.#rules.all.flatMap((rule) => findKeys(rule, search)).slice(0, MAX_RULES)
    const statuses = await keyStatuses(this.store, found)
    const rules = found.flatMap(({ rule, key, limit, allowed, refused }, index) => {
      const status = statuses[index] as KeyStatus
      const isSeen = allowed + refused > 0
      // The limit of a key that was never seen is that of the rule.
      if (!isSeen && (status.used <= 0 || isOverridden(rule, key))) return []
      const { route, name, resource, enforce } = rule
      const settings = {
        route,
        rule: name,
        resource,
        limit: roundedLimitText(limit),
        enforced: enforce,
        id: keyId(key),
        ...overriddenSettings(rule),
      }
      return [{ ...settings, ...status, allowed, refused }]
    })
    return rules.length === 0 ? undefined : { client: search, rules }
  }

  /** Returns the rules of a route; undefined for an unknown route. */
  rulesOf(route: string): readonly WatchedRule[] | undefined {
    return this.#rules.of(route)
  }

  /**
   * Returns the keys that a search names exactly: by the key's id, one of its parts or the client's
   * id. `known` marks keys that were seen recently or have usage in the store. The others are
   * possible keys of rules whose limit is computed per request. Rejects with a
   * StoreUnavailableError while the store is unavailable.
   */
  async keysNamed(rules: readonly WatchedRule[], search: string): Promise<readonly NamedKey[]> {
    const found = rules.flatMap((rule) => findKeys(rule, search)).slice(0, MAX_RULES)
    const statuses = await keyStatuses(this.store, found)
    const unseen = rules.filter((rule) => rule.limit === undefined && countsBySender(rule))
    return [
      ...found.map(({ rule, key, allowed, refused }, index) => {
        return { rule, key, known: allowed + refused > 0 || (statuses[index] as KeyStatus).used > 0 }
      }),
      ...unseen.flatMap((rule) => possibleKeys(search).map((key) => ({ rule, key, known: false }))),
    ]
  }

  /**
   * Returns the keys of a client: those that were seen recently, and those that it has under rules that
   * count by client alone.
   */
  keysOf(id: string): readonly { readonly rule: WatchedRule; readonly key: string }[] {
    const own = clientKey({ id })
    return this.#rules.all.flatMap((rule) => {
      const all = rule.usage.keys().map(({ key }) => key)
      const seen = all.filter((key) => key === own || keyParts(key).includes(keyOfClient(id)))
      return [...new Set([...(rule.keyedBy === 'client' ? [own] : []), ...seen])].map((key) => ({
        rule,
        key,
      }))
    })
  }

  /** Removes a client from the lists of recent keys and top clients. */
  forget(id: string): void {
    for (const { usage } of this.#rules.all)
      usage.forget(new Set([keyOfClient(id), ...keyParts(clientKey({ id }))]))
    this.#topClients.forget(labelOfClient(id))
  }

  /** The rules of all routes. */
  get rules(): readonly WatchedRule[] {
    return this.#rules.all
  }
}

type SeenClient = Pick<ClientState, 'client' | 'rules'>

interface NamedKey {
  readonly rule: WatchedRule
  readonly key: string
  readonly known: boolean
}

type FoundKey = Pick<KeyUsage, 'key' | 'limit' | 'allowed' | 'refused'> & {
  readonly rule: WatchedRule
  readonly scope: string
}

/** Returns the keys of a rule that a search names, including possible keys that were never seen. */
function findKeys(rule: WatchedRule, search: string): FoundKey[] {
  const base = { rule, scope: rule.scope, penalty: rule.penalty }
  const known = rule.usage.keys().filter(({ key }) => matchesKey(key, search))
  const { limit } = rule
  const possible = limit === undefined || !countsBySender(rule) ? [] : possibleKeys(search)
  const unknown = possible.filter((each) => !known.some(({ key }) => key === each))
  return [
    ...known.map(({ key, limit, allowed, refused }) => ({ ...base, key, limit, allowed, refused })),
    ...unknown.flatMap((key) => (limit ? [{ ...base, key, limit, allowed: 0, refused: 0 }] : [])),
  ]
}

/** Reports whether the keys of a rule are clients or addresses. */
function countsBySender({ keyedBy }: WatchedRule): boolean {
  return keyedBy === 'client' || keyedBy === 'ip'
}

/** Reports whether an act sets the limit of the client that a key names. */
function isOverridden({ clientOverrides }: WatchedRule, key: string): boolean {
  const id = idInKey(key)
  return id !== undefined && clientOverrides !== undefined && Object.hasOwn(clientOverrides, id)
}

/** Returns the settings of the file if an action has replaced them. */
export function overriddenSettings({ overridden }: Pick<WatchedRule, 'overridden'>) {
  return overridden && { overridden: { limit: limitText(overridden.limit), enforced: overridden.enforce } }
}

function statusOf(rule: WatchedRule, scale: number, fullness: readonly KeyFullness[]): RuleStatus {
  const { name, resource, limit, shared, enforce, keyedBy, usage } = rule
  return {
    rule: name,
    resource,
    limit: limitText(limit),
    effective: roundedLimitText(limit && scaleLimit(limit, shared ? 1 : scale)),
    enforced: enforce,
    shared,
    ...overriddenSettings(rule),
    keyedBy,
    fullness: fullness.toSorted((a, b) => b.used - a.used),
    allowed: usage.allowed,
    refused: usage.refused,
    wouldHaveRefused: usage.wouldHaveRefused,
  }
}
