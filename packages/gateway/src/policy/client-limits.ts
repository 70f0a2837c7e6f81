import { type ClientOverride, createLimiter, isOptionError, type RuleOverride } from 'sluice'
import { suggestOrList } from 'sluice/internal'
import { type GatewayConfig, type PolicyConfig, policiesOf } from './config/config.js'
import { describeKey } from './config/describe-config.js'
import { limiterRulesOf, NO_KEYS } from './config/limits/limit-entry.js'

/** The limit of one client under the rules of one name, from the keys file. */
export interface ClientLimit {
  readonly client: string
  /** The name of the rules, on any route. */
  readonly rule: string
  readonly override: ClientOverride
}

/** The parts of a configuration that decide whether limits of clients fit it. */
export type LimitedConfig = Pick<GatewayConfig, 'routes' | 'fallback' | 'tiers'>

/** A rule, and how it counts. */
interface CountedRule {
  readonly name: string
  /** The key of the rule, as written in the configuration. */
  readonly keyedBy: string
}

/** Reports whether a rule has a count for each client. */
export function countsByClient({ keyedBy }: Pick<CountedRule, 'keyedBy'>): boolean {
  return keyedBy.split(' + ').some((part) => part === 'client' || part === 'client.id')
}

/** Returns the overrides that give clients their limits, by the name of the rule. */
export function clientOverrides(
  limits: readonly ClientLimit[],
  rules: readonly CountedRule[],
): Readonly<Record<string, RuleOverride>> {
  const names = new Set(rules.filter(countsByClient).map(({ name }) => name))
  const overrides = new Map<string, [string, ClientOverride][]>()
  for (const { client, rule, override } of limits)
    if (names.has(rule)) overrides.set(rule, [...(overrides.get(rule) ?? []), [client, override]])
  return Object.fromEntries(
    [...overrides].map(([rule, clients]) => [rule, { clients: Object.fromEntries(clients) }]),
  )
}

/** A limit that does not fit the rules of a configuration. */
interface UnfitLimit {
  readonly limit: ClientLimit
  /** States the problem and how to fix it. */
  readonly message: string
}

/** Finds the limits that do not fit the rules of a configuration. */
export function unfitLimits(limits: readonly ClientLimit[], config: LimitedConfig): readonly UnfitLimit[] {
  if (limits.length === 0) return []
  const policies = policiesOf(config).map((policy) => ({ policy, rules: countedRules(policy) }))
  const all = policies.flatMap(({ rules }) => rules)
  const known = new Set(all.map(({ name }) => name))
  const adjustable = new Set(all.filter(countsByClient).map(({ name }) => name))
  const unknown = limits.flatMap((limit) => {
    if (adjustable.has(limit.rule)) return []
    const message = known.has(limit.rule)
      ? `the rule '${limit.rule}' does not count each client by itself, so a client cannot have its own limit`
      : `there is no rule '${limit.rule}'${suggestOrList(limit.rule, [...adjustable])}`
    return [{ limit, message }]
  })
  if (unknown.length > 0) return unknown
  return policies.flatMap(({ policy, rules }) => unfitFor(policy, rules, limits, config.tiers) ?? [])
}

/** Separates the limits that fit the rules of a configuration from those that do not. */
export function fittingLimits(
  limits: readonly ClientLimit[],
  config: LimitedConfig,
): { readonly fitting: readonly ClientLimit[]; readonly unfit: readonly UnfitLimit[] } {
  // Whether a limit fits does not depend on its client.
  const different = new Map(limits.map((limit) => [limitText(limit), limit]))
  const unfit = new Map<string, string>()
  // Halves find a few unfit limits among many in few attempts.
  const find = (some: readonly ClientLimit[]): void => {
    const [first] = unfitLimits(some, config)
    if (first === undefined) return
    if (some.length === 1) unfit.set(limitText(first.limit), first.message)
    else {
      const middle = some.length >> 1
      find(some.slice(0, middle))
      find(some.slice(middle))
    }
  }
  find([...different.values()])
  return {
    fitting: limits.filter((limit) => !unfit.has(limitText(limit))),
    unfit: limits.flatMap((limit) => {
      const message = unfit.get(limitText(limit))
      return message === undefined ? [] : [{ limit, message }]
    }),
  }
}

function limitText({ rule, override }: ClientLimit): string {
  return JSON.stringify([rule, override])
}

function countedRules({ rules }: PolicyConfig): readonly CountedRule[] {
  return limiterRulesOf(rules).map(({ name, index }) => ({ name, keyedBy: describeKey(rules[index]?.by) }))
}

/** Returns the first limit that a rule of a policy rejects. */
function unfitFor(
  { rules }: PolicyConfig,
  counted: readonly CountedRule[],
  limits: readonly ClientLimit[],
  tiers: GatewayConfig['tiers'],
): UnfitLimit | undefined {
  const overrides = clientOverrides(limits, counted)
  try {
    createLimiter({ rules, keys: NO_KEYS, client: ({ client }) => client, tiers, overrides }).close()
    return undefined
  } catch (error) {
    if (!isOptionError(error)) throw error
    const [, rule, , client] = error.path
    const limit = limits.find((each) => each.rule === rule && each.client === client)
    if (limit === undefined) throw error
    return { limit, message: error.reason }
  }
}
