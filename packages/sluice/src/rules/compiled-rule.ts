import { OptionRangeError, OptionTypeError, relocate, unknownOption } from '../option-error.js'
import { parseDuration } from '../time/duration.js'
import { compileKey, defaultKey, type KeyFor, type KeySources, type KeySpec } from './key-spec.js'
import { overridden, type RuleOverride } from './override.js'
import type { ConcurrencyRule, Resource, Rule } from './rule.js'
import { type CostFor, compileCost } from './rule-cost.js'
import { compileConcurrency, compileLimits, type RuleLimit } from './rule-limit.js'
import { type CountedBy, sourceOf, stateNames } from './state-name.js'
import type { TierScales } from './tiers.js'

/** A rule of one limit, ready to be applied to requests. */
export interface CompiledRule<Request> extends RuleLimit<Request> {
  readonly name: string
  /** What its state is kept under, within the limiter or among shared rules. */
  readonly stateName: string
  /** Its place among the rules as they were given. */
  readonly index: number
  readonly resource: Resource
  readonly enforce: boolean
  readonly shared: boolean
  readonly keyFor: KeyFor<Request>
  readonly costFor: CostFor<Request>
  /** What every request costs; undefined where that is another cost for each. */
  readonly cost: number | undefined
  /** How requests wait for a slot; undefined where they do not. */
  readonly waiting: Waiting | undefined
}

/** A rule whose state has no name yet, which depends on the rules that count the same. */
export type UnplacedRule<Request> = Omit<CompiledRule<Request>, 'stateName'>

/** By the name of the rule. */
export type RuleOverrides = Readonly<Record<string, RuleOverride>>

interface Waiting {
  /** In milliseconds. */
  readonly patience: number
  /** How many may wait for the slots of one key. */
  readonly places: number
  /** Whether the requests of one client alone wait for the slots of one key. */
  readonly isPerClient: boolean
}

const COMMON_FIELDS = ['name', 'by', 'cost', 'fallbackCost', 'enforce', 'shared', 'tiers']
const RATE_FIELDS = [...COMMON_FIELDS, 'limit', 'of', 'algorithm', 'align', 'timeZone']
const CONCURRENCY_FIELDS = [...COMMON_FIELDS, 'concurrent', 'lease', 'wait', 'queue']

/**
 * Checks and compiles rules; a rule of several limits becomes several.
 *
 * @param known whether who the client is can be known
 * @param overrides what is said of rules by their names in place of what they say themselves
 * @throws OptionError that names the rule.
 */
export function compileRules<Request>(
  rules: readonly Rule<Request>[],
  sources: KeySources<Request> | undefined,
  tiers: TierScales,
  known: boolean,
  overrides: RuleOverrides = {},
): CompiledRule<Request>[] {
  if (!Array.isArray(rules))
    throw new OptionTypeError(['rules'], "'rules' is a list such as [{ limit: '10/minute' }]")
  const names = new Set<string>()
  const counted: CountedBy<Request>[] = []
  // Rules that say the same of whom they count for have the same key for a request, and are seen to.
  const keys = new Map<KeySpec<Request> | undefined, KeyFor<Request>>()
  const keyFor = (by: KeySpec<Request> | undefined): KeyFor<Request> => {
    const compiled = keys.get(by) ?? compileKey(by, sources, known)
    keys.set(by, compiled)
    return compiled
  }
  const compiled = rules.flatMap((rule, index) => {
    try {
      const limits = relocate(
        () => compileRule(rule, keyFor, tiers),
        (path) => ['rules', index, ...path],
      )
      return limits.map((each) => {
        const by = rule.by ?? defaultKey(sources, known)
        counted.push({ ...each, name: rule.name, joined: limits.length > 1, by })
        const named = { ...each, index, name: claimName(names, each.name, rule, index) }
        const override = Object.hasOwn(overrides, named.name) ? overrides[named.name] : undefined
        return override === undefined
          ? named
          : relocate(
              () => overridden(named, override, rule, tiers),
              () => ['overrides', named.name, 'limit'],
            )
      })
    } catch (error) {
      if (error instanceof Error) error.message = `rules[${index}]: ${error.message}`
      throw error
    }
  })
  const unknown = Object.keys(overrides).find((name) => !names.has(name))
  if (unknown !== undefined)
    throw new OptionTypeError(
      ['overrides', unknown],
      `there is no rule '${unknown}' to override; there are ${[...names].join(', ')}`,
      'unknown_option',
    )
  const states = stateNames(counted)
  return compiled.map((rule, place) => ({ ...rule, stateName: states[place] as string }))
}

function compileRule<Request>(
  rule: Rule<Request>,
  keyFor: (by: KeySpec<Request> | undefined) => KeyFor<Request>,
  tiers: TierScales,
): Omit<UnplacedRule<Request>, 'index'>[] {
  const inFlight = rule !== null && typeof rule === 'object' && 'concurrent' in rule
  checkFields(rule, inFlight ? CONCURRENCY_FIELDS : RATE_FIELDS)
  const resource = inFlight ? 'concurrent' : (rule.of ?? 'requests')
  if (!inFlight && resource === 'concurrent')
    throw new OptionTypeError(['of'], 'what is in flight is limited by { concurrent: 4 }')
  const common = {
    name: checkName(
      rule.name ?? (rule.shared === true ? `all ${resource}` : resource),
      rule.name === undefined ? 'of' : 'name',
    ),
    resource,
    shared: rule.shared === true && checkShared(rule),
    enforce: rule.enforce !== false,
    keyFor: relocate(
      () => keyFor(rule.by),
      (path) => ['by', ...path],
    ),
    costFor: compileCost(rule),
    cost: typeof rule.cost === 'function' ? undefined : (rule.cost ?? 1),
    waiting: inFlight ? waitingOf(rule) : undefined,
  }
  const limits = inFlight ? [compileConcurrency(rule, tiers)] : compileLimits(rule, tiers)
  return limits.map((limit) => ({ ...common, ...limit }))
}

function checkShared<Request>(rule: Rule<Request>): true {
  // Two functions may count by different things; a text tells them apart, and so does a name.
  const isKnown = [rule.by].flat().every((part) => typeof part !== 'function' || sourceOf(part) !== undefined)
  if (rule.name === undefined && !isKnown)
    throw new OptionTypeError(
      ['name'],
      "a shared rule whose 'by' is a function needs a 'name', by which the others are found",
    )
  // Whoever frees a slot elsewhere could not call the next one here.
  if ('wait' in rule)
    throw new OptionTypeError(['wait'], "nobody waits for the slots of a shared rule: it has no 'wait'")
  return true
}

const DEFAULT_PLACES = 100
const MAX_PLACES = 10_000
/** Timers cannot wait for longer; in milliseconds. */
const MAX_PATIENCE = 24 * 86_400_000

function waitingOf<Request>({ wait, queue, enforce, by }: ConcurrencyRule<Request>): Waiting | undefined {
  if (wait === undefined) {
    if (queue !== undefined)
      throw new OptionTypeError(['queue'], "'queue' goes with 'wait', such as wait: '2s'")
    return undefined
  }
  if (enforce === false)
    throw new OptionTypeError(
      ['wait'],
      "a shadow rule lets everybody in, so that nobody waits: it has no 'wait'",
    )
  const patience = relocate(
    () => parseDuration(wait),
    () => ['wait'],
  )
  if (patience > MAX_PATIENCE) throw new OptionRangeError(['wait'], "'wait' is at most 24 days")
  const places = queue ?? DEFAULT_PLACES
  if (!(Number.isInteger(places) && places >= 1 && places <= MAX_PLACES))
    throw new OptionRangeError(
      ['queue'],
      `'queue' is a whole number from 1 to ${MAX_PLACES}, not ${String(places)}`,
    )
  const isPerClient = by === undefined || [by].flat().some((part) => part === 'client' || part === 'ip')
  return { patience, places, isPerClient }
}

function checkFields(rule: unknown, fields: readonly string[]): void {
  if (rule === null || typeof rule !== 'object') {
    throw new OptionTypeError([], `a rule is an object such as { limit: '10/minute' }, not ${String(rule)}`)
  }
  for (const field of Object.keys(rule)) {
    if (!fields.includes(field)) throw unknownOption('a rule', field, fields)
  }
  if (!('limit' in rule) && !('concurrent' in rule)) {
    throw new OptionTypeError([], "a rule has a 'limit', such as '10/minute', or a number 'concurrent'")
  }
}

function checkName(name: string, option: 'name' | 'of'): string {
  if (typeof name === 'string' && /^[\x20-\x7e]{1,64}$/.test(name)) return name
  throw new OptionTypeError(
    [option],
    `a name is 1 to 64 printable ASCII characters, not '${String(name).slice(0, 70)}'`,
  )
}

/** Two rules may not share a name, or they would share their state. Names that nobody chose are numbered. */
function claimName<Request>(taken: Set<string>, name: string, rule: Rule<Request>, index: number): string {
  let claimed = name
  for (let number = 2; taken.has(claimed); number++) claimed = `${name}-${number}`
  const joined = 'limit' in rule && typeof rule.limit === 'string' && rule.limit.includes(';')
  if (claimed !== name && rule.name !== undefined && !joined)
    throw new OptionTypeError(
      ['rules', index, 'name'],
      `two rules are called '${name}'; give each a 'name' of its own`,
    )
  taken.add(claimed)
  return claimed
}
