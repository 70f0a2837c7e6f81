import { type Counting, checkAlgorithm } from '../limits/grammar.js'
import type { MaybePromise } from '../maybe-promise.js'
import { OptionTypeError, unknownOption } from '../option-error.js'
import type { Client } from '../rules/client.js'
import { type CompiledRule, compileRules, type RuleOverrides } from '../rules/compiled-rule.js'
import type { KeySources } from '../rules/key-spec.js'
import { compileRequirement, type Refusing, type Requirement } from '../rules/requirement.js'
import type { Rule } from '../rules/rule.js'
import { readTierScales, type Tiers } from '../rules/tiers.js'
import type { WarmUp } from '../rules/warm-up.js'
import type { Store } from '../stores/store.js'
import type { Timers } from '../time/timers.js'
import type { LimiterListener } from './event.js'

/** Declares which parts of a limiter read the body of a request. */
export interface NeedsBody<Request> {
  /**
   * Reports whether a rule's cost, key or limit reads the body.
   *
   * @param index the index into `rules`
   */
  rule(rule: Rule<Request>, index: number): boolean
  /** True if `require` reads the body. Default: `false`. */
  readonly require?: boolean
}

export interface LimiterOptions<Request> {
  /**
   * The rules for every request. They are applied together: a request is charged under all of them
   * or under none.
   */
  readonly rules: readonly Rule<Request>[]
  /**
   * The algorithm of every limit string in a rule without its own `algorithm`: of `limit`, of tiers,
   * of overrides and of functions. A limit object names its own. Default: `token-bucket`.
   *
   *     createLimiter({ algorithm: 'fixed-window', rules: [{ limit: '10/second; 100/minute' }] })
   */
  readonly algorithm?: NonNullable<Counting['algorithm']>
  /** The store that keeps the state. Default: a memory store for this limiter alone. */
  readonly store?: Store
  /**
   * Distinguishes limiters that use the same store. Processes that use the same name share their
   * limits. Default: `''`.
   */
  readonly name?: string
  /** Reads `by: 'ip'` and the other named keys from a request. The adapters provide it. */
  readonly keys?: KeySources<Request>
  /**
   * Identifies the client of a request by verified credentials: an ID, or an ID and a tier.
   * Undefined means anonymous. `admit` throws the errors of this function. Default: every request
   * is anonymous.
   */
  readonly client?: (request: Request) => MaybePromise<Client | string | undefined>
  /**
   * Multiplies the limits of clients by tier, in all rules without their own value for the tier: `{
   * free: 1, premium: 5 }`. Clients of an `unlimited` tier are not counted.
   */
  readonly tiers?: Tiers<never>
  /**
   * Reports whether the client may make the request. If the result is not `true`, the request is
   * rejected with `refuseWith`, and nothing is charged.
   */
  readonly require?: (request: Request, client: Client | undefined) => MaybePromise<boolean>
  /**
   * Declares the rules that need the body of a request. If `admit` gets a `body`, it decides on
   * them in a second step. Rules with `concurrent` always belong to the second step. Default: no
   * other rules.
   */
  readonly needsBody?: NeedsBody<Request>
  /** The response for requests that `require` rejects. Default: 403 `Forbidden`. */
  readonly refuseWith?: Refusing
  /** Scales every limit while a model warms up. Use `createWarmUp`. */
  readonly warmUp?: Pick<WarmUp, 'scale' | 'until'>
  /** Replaces the limit or `enforce` of rules, by rule name. */
  readonly overrides?: RuleOverrides
  /** Receives the events of the limiter. */
  readonly listener?: LimiterListener<Request>
  /**
   * The timers that renew leases and end waits. Default: Node's timers. If you pass timers, also
   * pass the matching clock to the store.
   */
  readonly timers?: Pick<Timers, 'start' | 'stop'>
}

export const OPTIONS: readonly string[] = [
  'rules',
  'store',
  'name',
  'algorithm',
  'keys',
  'client',
  'tiers',
  'require',
  'needsBody',
  'refuseWith',
  'warmUp',
  'overrides',
  'listener',
  'timers',
]

/**
 * Validates the options of a limiter and compiles its rules.
 *
 * @throws LimitSyntaxError, TypeError, RangeError that name the invalid rule or option.
 */
export function readOptions<Request>(options: LimiterOptions<Request>): {
  readonly rules: CompiledRule<Request>[]
  readonly requirement: Requirement<Request> | undefined
} {
  checkOptions(options, OPTIONS)
  const { rules, algorithm, keys, client, tiers, overrides, name = '' } = options
  if (typeof name !== 'string' || name.includes('\n'))
    throw new OptionTypeError(['name'], "the 'name' of a limiter must be a string without line breaks")
  checkAlgorithm(algorithm)
  const defaults = { tiers: readTierScales(tiers), algorithm }
  return {
    rules: compileRules(rules, keys, defaults, client !== undefined, overrides),
    requirement: compileRequirement(options),
  }
}

/**
 * Checks the names of the options.
 *
 * @throws TypeError unless `options` is an object with known options only.
 */
export function checkOptions(options: unknown, known: readonly string[]): void {
  if (options === null || typeof options !== 'object' || Array.isArray(options))
    throw new OptionTypeError(
      [],
      "a limiter takes a limit such as '10/minute', or options such as { rules: [{ limit: '10/minute' }] }",
    )
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) throw unknownOption('a limiter', option, known)
  }
}

/** The key of an internal option: limiters with the same family share their limits on purpose. */
export const FAMILY = Symbol('sluice limiter family')

/** Options of a limiter that is a variant of others, such as one with fewer rules. */
export interface FamilyOptions {
  readonly [FAMILY]?: object
}

/**
 * Stores used by an unnamed limiter, and the family of that limiter. An unnamed limiter of another
 * family would share its limits unintentionally.
 */
const unnamed = new WeakMap<Store, object>()

/**
 * Records that a limiter uses a store.
 *
 * @throws TypeError if both this limiter and a limiter of another family on the store are unnamed.
 */
export function claimName(store: Store, name: string, family: object): void {
  if (name !== '') return
  const owner = unnamed.get(store)
  if (owner !== undefined && owner !== family) {
    throw new OptionTypeError(
      ['name'],
      "two limiters without a 'name' would share their limits on this store; give each a name",
    )
  }
  unnamed.set(store, family)
}
