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
import type { LimiterListener } from './limiter-event.js'

/** Tells what of a limiter reads the body of a request. */
export interface NeedsBody<Request> {
  /**
   * Whether a rule's cost, key or limit reads the body.
   *
   * @param index its place in `rules`
   */
  rule(rule: Rule<Request>, index: number): boolean
  /** Whether `require` reads the body. Default: it does not. */
  readonly require?: boolean
}

export interface LimiterOptions<Request> {
  /** What every request meets, together: it takes from all of them or from none. */
  readonly rules: readonly Rule<Request>[]
  /** Where the state is. Default: in the memory of this process, for this limiter alone. */
  readonly store?: Store
  /** Tells limiters on one store apart; processes that use the same name there share their limits. Default: ''. */
  readonly name?: string
  /** How `by: 'ip'` and the other named keys are read. The adapters bring it. */
  readonly keys?: KeySources<Request>
  /**
   * Who sends the request, by credentials that were checked: an id, or an id and a tier. Undefined is a visitor. What it throws, or
   * rejects with, `admit` does too. Default: everybody is a visitor.
   */
  readonly client?: (request: Request) => MaybePromise<Client | string | undefined>
  /**
   * How many times the limits a client of a tier has, in all rules that say nothing else: `{ free: 1, premium: 5 }`; or
   * `unlimited`, for which the rules count nothing.
   */
  readonly tiers?: Tiers<never>
  /** Who may make such requests at all. Whoever may not is refused with `refuseWith`, and nothing is taken. */
  readonly require?: (request: Request, client: Client | undefined) => MaybePromise<boolean>
  /**
   * What can be decided only once the body of a request is here. `admit` decides on it in a second step where it is given a
   * `body`. Rules of `concurrent` always belong to the second step. Default: nothing else does.
   */
  readonly needsBody?: NeedsBody<Request>
  /** What is told where `require` does not hold. Default: 403 `Forbidden`. */
  readonly refuseWith?: Refusing
  /** Scales every limit while a model warms up: what `createWarmUp` gives. */
  readonly warmUp?: Pick<WarmUp, 'scale' | 'until'>
  /** What holds of rules, by their names, in place of what they say themselves. */
  readonly overrides?: RuleOverrides
  /** Is told what the limiter does. */
  readonly listener?: LimiterListener<Request>
  /**
   * What renews leases and ends waits. Default: the timers of Node. They go with the clock of the store: where that is handed
   * in, so are these.
   */
  readonly timers?: Pick<Timers, 'start' | 'stop'>
}

export const OPTIONS: readonly string[] = [
  'rules',
  'store',
  'name',
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

/** @throws LimitSyntaxError, TypeError, RangeError that name the rule or the option which is wrong. */
export function readOptions<Request>(options: LimiterOptions<Request>): {
  readonly rules: CompiledRule<Request>[]
  readonly requirement: Requirement<Request> | undefined
} {
  checkOptions(options, OPTIONS)
  const { rules, keys, client, tiers, overrides, name = '' } = options
  if (typeof name !== 'string' || name.includes('\n'))
    throw new OptionTypeError(['name'], "a limiter's 'name' is a text of one line")
  return {
    rules: compileRules(rules, keys, readTierScales(tiers), client !== undefined, overrides),
    requirement: compileRequirement(options),
  }
}

/** @throws TypeError for what is no object of these options. */
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

/** Stores that a limiter without a name uses: a second one would share its limits unawares. */
const unnamed = new WeakSet<Store>()

/** @throws TypeError where another limiter without a name uses the store. */
export function claimName(store: Store, name: string): void {
  if (name !== '') return
  if (unnamed.has(store)) {
    throw new OptionTypeError(
      ['name'],
      "two limiters without a 'name' would share their limits on this store; name them",
    )
  }
  unnamed.add(store)
}
