import type { Penalty } from '../algorithms/penalty.js'
import { MONEY } from '../limits/money.js'
import { OptionTypeError, relocate, unknownOption } from '../option-error.js'
import type { WindowOptions } from '../overload/hand-over-window.js'
import { firstTokenOf, windowOf } from './automatic.js'
import { classesOf } from './classes.js'
import { FAIR_OPTIONS, type Fairness, fairnessOf } from './fairness.js'
import { compileKey, defaultKey, isPool, type KeyFor, type KeySources, type KeySpec } from './key-spec.js'
import { applyOverride, type RuleOverride } from './override.js'
import { PENALTY_OPTIONS, penaltyOf, rejectPenalty } from './penalty-options.js'
import type { ConcurrencyRule, Resource, Rule } from './rule.js'
import { type AppliesTo, conditionOf } from './rule-condition.js'
import { type CostFor, compileCost } from './rule-cost.js'
import {
  compileConcurrency,
  compileLimits,
  type LimitDefaults,
  type RuleLimit,
  type Slots,
} from './rule-limit.js'
import { type ServedRule, workOf } from './service-terms.js'
import { type StateIdentity, sourceOf, stateNames } from './state-name.js'
import { type WaitOptions, waitingOf } from './waiting.js'
import { checkWindows, type RuleWarnings, rejectWarnings, WARN_OPTIONS, warningsOf } from './warn-options.js'

/** A validated rule with one limit, ready to apply to requests. */
export interface CompiledRule<Request> extends RuleLimit<Request>, ServedRule<Request> {
  readonly name: string
  /** The name of the rule's state, unique within the limiter or among shared rules. */
  readonly stateName: string
  /** Index into the `rules` option. */
  readonly index: number
  readonly resource: Resource
  readonly enforce: boolean
  readonly shared: boolean
  /** Undefined if the rule applies to every request. */
  readonly appliesTo: AppliesTo<Request> | undefined
  readonly keyFor: KeyFor<Request>
  readonly costFor: CostFor<Request>
  /** The cost of every request; undefined if a function computes it. */
  readonly cost: number | undefined
  /** How requests wait until the rule admits them; undefined if they do not. */
  readonly waiting: WaitOptions | undefined
  /** How waiting requests are served in fair shares; undefined if they are served as they arrive. */
  readonly fairness: Fairness<Request> | undefined
  /** The hand-over window that limits requests beside the slots; undefined without one. */
  readonly window: WindowOptions | undefined
  /** The time in which a response must begin, in milliseconds; undefined without a deadline. */
  readonly firstTokenMs: number | undefined
  /** The penalty of keys whose requests the rule refuses; undefined if there is none. */
  readonly penalty: Penalty | undefined
  /** Undefined for a rule with neither `warn` nor `soft`. */
  readonly warnings: RuleWarnings | undefined
}

/** A rule without the name of its state, which depends on the other rules. */
type UnnamedRule<Request> = Omit<CompiledRule<Request>, 'stateName'>

/** Overrides by rule name. */
export type RuleOverrides = Readonly<Record<string, RuleOverride>>

const COMMON_OPTIONS = [
  'name',
  'by',
  'cost',
  'fallbackCost',
  'enforce',
  'shared',
  'tiers',
  'wait',
  'queue',
  'when',
]
const RATE_OPTIONS = [
  ...COMMON_OPTIONS,
  'limit',
  'of',
  'algorithm',
  'align',
  'timeZone',
  ...PENALTY_OPTIONS,
  ...WARN_OPTIONS,
]
/** Options of rules whose requests wait for slots. */
const LINE_OPTIONS = [...FAIR_OPTIONS, 'work', 'class', 'classes', 'firstToken']
const CONCURRENCY_OPTIONS = [...COMMON_OPTIONS, 'concurrent', 'lease', ...LINE_OPTIONS]

/**
 * Validates and compiles rules. A rule with several limits becomes one compiled rule for each.
 *
 * @param hasClients whether requests can have a client
 * @throws OptionError that names the invalid rule.
 */
export function compileRules<Request>(
  rules: readonly Rule<Request>[],
  sources: KeySources<Request> | undefined,
  defaults: LimitDefaults,
  hasClients: boolean,
  overrides: RuleOverrides = {},
): CompiledRule<Request>[] {
  if (!Array.isArray(rules))
    throw new OptionTypeError(['rules'], "'rules' must be a list such as [{ limit: '10/minute' }]")
  const names = new Set<string>()
  const identities: StateIdentity<Request>[] = []
  // Rules with an equal `by` share one key function, which the limiter calls once per request.
  const keys = new Map<KeySpec<Request>, KeyFor<Request>>()
  const keyFor = (by: KeySpec<Request>): KeyFor<Request> => {
    const compiled = keys.get(by) ?? compileKey(by, sources, hasClients)
    keys.set(by, compiled)
    return compiled
  }
  const fairnessFor = (rule: ConcurrencyRule<Request>) => fairnessOf(rule, sources, hasClients)
  const compiled = rules.flatMap((rule, index) => {
    try {
      const by = rule?.by ?? defaultKey(sources, hasClients)
      const ownDefaults = isPool(by) ? { ...defaults, tiers: NO_TIERS } : defaults
      const limits = relocate(
        () => compileRule(rule, by, keyFor, fairnessFor, ownDefaults),
        (path) => ['rules', index, ...path],
      )
      return limits.map((each) => {
        identities.push({ ...each, name: rule.name, joined: limits.length > 1, by })
        const named = { ...each, index, name: claimName(names, each.name, rule, index) }
        const override = Object.hasOwn(overrides, named.name) ? overrides[named.name] : undefined
        return override === undefined
          ? named
          : relocate(
              () => applyOverride<Request, UnnamedRule<Request>>(named, override, rule, ownDefaults),
              (path) => ['overrides', named.name, ...path],
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
      `there is no rule '${unknown}' to override; the rules are ${[...names].join(', ')}`,
      'unknown_option',
    )
  const states = stateNames(identities)
  return compiled.map((rule, position) => ({ ...rule, stateName: states[position] as string }))
}

/** The tiers of a pool without its own: one client must not scale the limit of others. */
const NO_TIERS: LimitDefaults['tiers'] = new Map()

function compileRule<Request>(
  rule: Rule<Request>,
  by: KeySpec<Request>,
  keyFor: (by: KeySpec<Request>) => KeyFor<Request>,
  fairnessFor: (rule: ConcurrencyRule<Request>) => Fairness<Request> | undefined,
  defaults: LimitDefaults,
): Omit<UnnamedRule<Request>, 'index'>[] {
  const isConcurrent = rule !== null && typeof rule === 'object' && 'concurrent' in rule
  if (isConcurrent) {
    rejectPenalty(rule)
    rejectWarnings(rule)
  } else rejectLineOptions(rule)
  checkOptionNames(rule, isConcurrent ? CONCURRENCY_OPTIONS : RATE_OPTIONS)
  const resource = isConcurrent ? 'concurrent' : (rule.of ?? 'requests')
  if (!isConcurrent && resource === 'concurrent')
    throw new OptionTypeError(
      ['of'],
      "'of' must not be 'concurrent'; limit requests in flight with a rule such as { concurrent: 4 }",
    )
  if (resource === MONEY && rule.cost === undefined)
    throw new OptionTypeError(
      ['cost'],
      "a rule that counts money requires a 'cost', such as (call) => priceOf(call.usage, price)",
    )
  const window = isConcurrent ? windowOf(rule) : undefined
  const common = {
    name: checkName(
      rule.name ?? (rule.shared === true ? `all ${resource}` : resource),
      rule.name === undefined ? 'of' : 'name',
    ),
    resource,
    shared: rule.shared === true && checkShared(rule),
    enforce: rule.enforce !== false,
    keyFor: relocate(
      () => keyFor(by),
      (path) => ['by', ...path],
    ),
    appliesTo: conditionOf(rule, by),
    costFor: compileCost(rule),
    cost: typeof rule.cost === 'function' ? undefined : (rule.cost ?? 1),
    waiting: waitingOf(rule),
    fairness: isConcurrent ? fairnessFor(rule) : undefined,
    window,
    firstTokenMs: isConcurrent ? firstTokenOf(rule, window !== undefined) : undefined,
    classes: isConcurrent ? classesOf(rule) : undefined,
    workFor: isConcurrent ? workOf(rule, window !== undefined) : undefined,
    penalty: isConcurrent ? undefined : penaltyOf(rule),
    warnings: isConcurrent ? undefined : warningsOf(rule),
  }
  const limits = isConcurrent ? [slotsOf(rule, window, defaults)] : compileLimits(rule, defaults)
  if (!isConcurrent && common.warnings?.thresholds !== undefined)
    checkWindows(
      rule,
      limits.map(({ limit }) => limit),
      defaults.algorithm,
    )
  return limits.map((limit) => ({ ...common, ...limit }))
}

/** @throws OptionTypeError for a rule with a limit over time that has an option of lines. */
function rejectLineOptions(rule: unknown): void {
  if (rule === null || typeof rule !== 'object') return
  const option = LINE_OPTIONS.find((option) => option in rule)
  if (option !== undefined)
    throw new OptionTypeError(
      [option],
      `'${option}' requires 'concurrent': only requests that wait for slots are served in fair shares or by class`,
    )
}

function slotsOf<Request>(
  rule: ConcurrencyRule<Request>,
  window: WindowOptions | undefined,
  defaults: LimitDefaults,
): RuleLimit<Request> {
  if (window !== undefined) return compileConcurrency(window.max, rule, { tiers: NO_TIERS })
  return compileConcurrency(rule.concurrent as Slots<Request>, rule, defaults)
}

function checkShared<Request>(rule: Rule<Request>): true {
  // Functions cannot be compared, so a source or a name must identify the rule.
  const isKnown = [rule.by].flat().every((part) => typeof part !== 'function' || sourceOf(part) !== undefined)
  if (rule.name === undefined && !isKnown)
    throw new OptionTypeError(
      ['name'],
      "a shared rule whose 'by' is a function needs a 'name' that identifies it",
    )
  return true
}

function checkOptionNames(rule: unknown, known: readonly string[]): void {
  if (rule === null || typeof rule !== 'object') {
    throw new OptionTypeError(
      [],
      `a rule must be an object such as { limit: '10/minute' }, not ${String(rule)}`,
    )
  }
  for (const option of Object.keys(rule)) {
    if (!known.includes(option)) throw unknownOption('a rule', option, known)
  }
  if (!('limit' in rule) && !('concurrent' in rule)) {
    throw new OptionTypeError([], "a rule needs a 'limit', such as '10/minute', or 'concurrent', such as 4")
  }
}

function checkName(name: string, option: 'name' | 'of'): string {
  if (typeof name === 'string' && /^[\x20-\x7e]{1,64}$/.test(name)) return name
  throw new OptionTypeError(
    [option],
    `a name must be 1 to 64 printable ASCII characters, not '${String(name).slice(0, 70)}'`,
  )
}

/** Makes the name of a rule unique. Default names are numbered; explicit names must differ. */
function claimName<Request>(taken: Set<string>, name: string, rule: Rule<Request>, index: number): string {
  let claimed = name
  for (let number = 2; taken.has(claimed); number++) claimed = `${name}-${number}`
  const joined = 'limit' in rule && typeof rule.limit === 'string' && /[;,|]/.test(rule.limit)
  if (claimed !== name && rule.name !== undefined && !joined)
    throw new OptionTypeError(
      ['rules', index, 'name'],
      `two rules are called '${name}'; give each its own 'name'`,
    )
  taken.add(claimed)
  return claimed
}
