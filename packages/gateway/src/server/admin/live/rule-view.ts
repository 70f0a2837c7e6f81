import { type LimiterEvent, type Store, scaleLimit } from 'sluice'
import { clientLabel } from '../../../policy/client-label.js'
import type { RoutePolicy } from '../../../policy/policies.js'
import type { RequestSender } from '../../../policy/policy-request.js'
import type { ClientState, KeyFullness, RouteStatus, RuleStatus, Talkers } from '../api/live-types.js'
import { isMeant, keyId, keysMeant, shownKey } from './key-labels.js'
import { limitText, roundedLimitText, type Standing, standingsOf } from './key-status.js'
import type { KeyUse } from './key-usage.js'
import { RouteUsage, type WatchedRule } from './route-usage.js'
import { TopTalkers } from './top-clients.js'

/** Keys of a rule that are shown. */
const SHOWN = 10
/** Rules of which one client's state is told. */
const MAX_FOUND = 200

type RouteWarmUps = Iterable<readonly [route: string, warmUp: { scale: number; isReady: boolean }]>

/** Who is let in and refused, and how near everybody is to the edge; in memory that does not grow with the number of clients. */
export class RuleView {
  readonly #rules = new RouteUsage()
  readonly #talkers = new TopTalkers()

  /**
   * @param store is asked how keys stand
   * @param warmUps of the routes that warm up
   */
  constructor(
    private readonly store: Store,
    private readonly warmUps: () => RouteWarmUps,
  ) {}

  /** These are the routes from now on. What was seen of rules that are still there is kept. */
  watch(policies: readonly RoutePolicy[]): void {
    this.#rules.keep(policies)
  }

  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void {
    if (event.type !== 'allowed' && event.type !== 'refused') return
    const now = performance.now()
    this.#rules.see(route, event.quotas, now)
    this.#talkers.decided(clientLabel(event.request), event.type === 'allowed', now)
  }

  talkers(): Talkers {
    return this.#talkers.read(performance.now())
  }

  get keysSeen(): number {
    return this.#rules.all.reduce((sum, { watch }) => sum + watch.keysSeen, 0)
  }

  /** Rejects where the store does not answer. */
  async routes(): Promise<RouteStatus[]> {
    const warmUps = new Map(this.warmUps())
    const now = performance.now()
    const fullness = new Map<WatchedRule, KeyFullness[]>()
    const nearest = this.#rules.all.flatMap((rule) =>
      rule.watch.fullest(SHOWN, now).map(({ key, limit }) => ({ rule, scope: rule.scope, key, limit })),
    )
    const standings = await standingsOf(this.store, nearest)
    nearest.forEach(({ rule, key }, index) => {
      const { used, remaining, retryAfterOfOne } = standings[index] as Standing
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
   * How somebody stands with every rule: who has this key or client id, else who was seen last with a key that holds the
   * text. Undefined where nobody like that is known. Rejects where the store does not answer.
   */
  async client(text: string): Promise<ClientState | undefined> {
    const exactly = await this.#find(text)
    if (exactly !== undefined) return exactly
    for (const { watch } of this.#rules.all)
      for (const { key } of watch.keys()) if (shownKey(key).includes(text)) return this.#find(keyId(key))
    return undefined
  }

  async #find(text: string): Promise<ClientState | undefined> {
    const found = this.#rules.all.flatMap((rule) => candidatesOf(rule, text)).slice(0, MAX_FOUND)
    const standings = await standingsOf(this.store, found)
    const rules = found.flatMap(({ rule, key, limit, allowed, refused }, index) => {
      const standing = standings[index] as Standing
      if (standing.used <= 0 && allowed + refused === 0) return []
      const { route, name, resource, enforce } = rule
      const about = {
        route,
        rule: name,
        resource,
        limit: roundedLimitText(limit),
        enforced: enforce,
        id: keyId(key),
      }
      return [{ ...about, ...standing, allowed, refused }]
    })
    return rules.length === 0 ? undefined : { client: text, rules }
  }

  /** Undefined where there is no such route. */
  rulesOf(route: string): readonly WatchedRule[] | undefined {
    return this.#rules.of(route)
  }

  /**
   * The keys that a caller names, found as `client` finds them exactly: by the key, a part of it or the client's id.
   * `known` tells the keys that were seen lately or have used something from those that are only possible, of rules whose
   * limit is worked out per request. Rejects where the store does not answer.
   */
  async keysNamed(rules: readonly WatchedRule[], text: string): Promise<readonly NamedKey[]> {
    const found = rules.flatMap((rule) => candidatesOf(rule, text)).slice(0, MAX_FOUND)
    const standings = await standingsOf(this.store, found)
    const unseen = rules.filter((rule) => rule.limit === undefined && countsForClients(rule))
    return [
      ...found.map(({ rule, key, allowed, refused }, index) => {
        return { rule, key, known: allowed + refused > 0 || (standings[index] as Standing).used > 0 }
      }),
      ...unseen.flatMap((rule) => keysMeant(text).map((key) => ({ rule, key, known: false }))),
    ]
  }

  /** The rules of all routes. */
  get rules(): readonly WatchedRule[] {
    return this.#rules.all
  }
}

interface NamedKey {
  readonly rule: WatchedRule
  readonly key: string
  readonly known: boolean
}

type Candidate = Pick<KeyUse, 'key' | 'limit' | 'allowed' | 'refused'> & {
  readonly rule: WatchedRule
  readonly scope: string
}

/** The keys of a rule that somebody who looks for a text may mean. */
function candidatesOf(rule: WatchedRule, text: string): Candidate[] {
  const about = { rule, scope: rule.scope }
  const known = rule.watch.keys().filter(({ key }) => isMeant(key, text))
  const { limit } = rule
  const guesses = limit === undefined || !countsForClients(rule) ? [] : keysMeant(text)
  const unknown = guesses.filter((guess) => !known.some(({ key }) => key === guess))
  return [
    ...known.map(({ key, limit, allowed, refused }) => ({ ...about, key, limit, allowed, refused })),
    ...unknown.flatMap((key) => (limit ? [{ ...about, key, limit, allowed: 0, refused: 0 }] : [])),
  ]
}

function countsForClients({ keyedBy }: WatchedRule): boolean {
  return keyedBy === 'client' || keyedBy === 'ip'
}

function statusOf(rule: WatchedRule, scale: number, fullness: readonly KeyFullness[]): RuleStatus {
  const { name, resource, limit, shared, enforce, keyedBy, overridden, watch } = rule
  return {
    rule: name,
    resource,
    limit: limitText(limit),
    effective: roundedLimitText(limit && scaleLimit(limit, shared ? 1 : scale)),
    enforced: enforce,
    shared,
    ...(overridden && { overridden: { limit: limitText(overridden.limit), enforced: overridden.enforce } }),
    keyedBy,
    fullness: fullness.toSorted((a, b) => b.used - a.used),
    allowed: watch.allowed,
    refused: watch.refused,
    wouldHaveRefused: watch.wouldHaveRefused,
  }
}
