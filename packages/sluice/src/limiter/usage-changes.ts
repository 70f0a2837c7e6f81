import { NEWEST } from '../algorithms/verdict.js'
import { suggestThenList } from '../did-you-mean.js'
import { checkCost } from '../limits/check-limit.js'
import { capacityOf, countsSlots, type Limit } from '../limits/limit.js'
import { allOf, andThen, type MaybePromise } from '../maybe-promise.js'
import { unknownOption } from '../option-error.js'
import type { Client } from '../rules/client.js'
import { plainKey } from '../rules/key.js'
import { applicableLimit, isApplicable } from '../rules/rule-condition.js'
import type { Settlement, Store } from '../stores/store.js'
import { chargeOf, type RuleCharge, type Scaling, type ScopedRule, scaled } from './charges.js'
import type { UsageOptions } from './limiter-types.js'

/** The parts of a limiter that changes to its usage need. */
interface UsageContext<Request> {
  readonly rules: readonly ScopedRule<Request>[]
  readonly store: Pick<Store, 'settle' | 'reset'>
  readonly scaling: Scaling | undefined
  readonly events: { onSettled(charge: RuleCharge, taken: number, cost: number): void } | undefined
  clientOf(request: Request): MaybePromise<Client | undefined>
  /** Called after units of a key were refunded, or its usage was deleted. */
  onFreed(scope: string, key: string): void
  /** Reports whether the subject of a change is a key, and not a request. */
  isKey(subject: Request | string): subject is string
}

/** Changes the usage of keys without a decision. */
export class UsageChanges<Request> {
  constructor(private readonly context: UsageContext<Request>) {}

  /** Adds units to the usage of a key, also beyond the limit. */
  charge(subject: Request | string, cost: number, options: UsageOptions): Promise<void> {
    return this.#settle(subject, cost, options, (charge) => {
      const taken = { cost: 0, at: NEWEST, resetAfter: 0 }
      return { charge: { ...charge, cost: 0 }, taken, cost }
    })
  }

  /** Subtracts units from the usage of a key, down to zero. */
  refund(subject: Request | string, cost: number, options: UsageOptions): Promise<void> {
    return this.#settle(subject, cost, options, (charge) => {
      const taken = { cost, at: NEWEST, resetAfter: spanOf(charge.limit) }
      return { charge, taken, cost: 0 }
    })
  }

  /** Deletes the usage of a key. */
  reset(subject: Request | string, options: UsageOptions): MaybePromise<void> {
    const { clientOf, isKey } = this.context
    const rules = this.#select(subject, options)
    const resets = isKey(subject)
      ? rules.map(({ scope }) => this.#reset(scope, plainKey(subject)))
      : andThen(clientOf(subject), (client) =>
          allOf(
            rules.map((rule) =>
              andThen(isApplicable(rule, subject, client), (applies) =>
                applies
                  ? andThen(rule.keyFor(subject, client), (key) => this.#reset(rule.scope, key))
                  : undefined,
              ),
            ),
          ),
        )
    return andThen<unknown, void>(Array.isArray(resets) ? allOf(resets) : resets, () => {})
  }

  #reset(scope: string, key: string): MaybePromise<void> {
    const { store, onFreed } = this.context
    return andThen(store.reset(scope, key), () => onFreed(scope, key))
  }

  async #settle(
    subject: Request | string,
    cost: number,
    options: UsageOptions,
    settlementOf: (charge: RuleCharge) => Settlement,
  ): Promise<void> {
    const { store, events, onFreed } = this.context
    const charges = await this.#chargesFor(subject, cost, this.#selectRates(subject, options))
    const settlements = charges.map(settlementOf)
    if (cost === 0 || settlements.length === 0) return
    if (events !== undefined)
      for (const [index, charge] of charges.entries()) {
        const { taken, cost: settled } = settlements[index] as Settlement
        events.onSettled(charge, taken.cost, settled)
      }
    await store.settle(settlements)
    for (const { charge, taken, cost } of settlements)
      if (cost < taken.cost) onFreed(charge.scope, charge.key)
  }

  /**
   * Evaluates rules for a subject, one after the other. Skips rules that are unlimited for the
   * client, and shadow rules whose functions throw.
   */
  async #chargesFor(
    subject: Request | string,
    cost: number,
    rules: readonly ScopedRule<Request>[],
  ): Promise<RuleCharge[]> {
    const { clientOf, isKey, scaling } = this.context
    const client = isKey(subject) ? undefined : await clientOf(subject)
    const charges: RuleCharge[] = []
    for (const rule of rules) {
      const terms = await this.#termsOf(rule, subject, client)
      if (terms === undefined) continue
      const limit = scaled(rule, terms.limit, scaling)
      checkCost(limit, cost)
      charges.push(chargeOf(rule, terms.key, limit, cost, 0))
    }
    return charges
  }

  async #termsOf(
    rule: ScopedRule<Request>,
    subject: Request | string,
    client: Client | undefined,
  ): Promise<{ readonly limit: Limit; readonly key: string } | undefined> {
    if (this.context.isKey(subject)) return { limit: limitOfKey(rule), key: plainKey(subject) }
    try {
      const limit = await applicableLimit(rule, subject, client)
      return limit && { limit, key: await rule.keyFor(subject, client) }
    } catch (error) {
      if (rule.enforce) throw error
      return undefined
    }
  }

  /** Returns the rules that a charge or refund applies to. */
  #selectRates(subject: Request | string, options: UsageOptions): readonly ScopedRule<Request>[] {
    const rules = this.#select(subject, options, isRate)
    const [first] = rules
    if (first === undefined)
      throw new TypeError('no selected rule counts units over time: slots cannot be charged or refunded')
    if (rules.some(({ resource }) => resource !== first.resource))
      throw new TypeError(`the rules count different resources, so 'rule' must be one of ${namesOf(rules)}`)
    return rules
  }

  #select(
    subject: Request | string,
    options: UsageOptions,
    applies: (rule: ScopedRule<Request>) => boolean = () => true,
  ): readonly ScopedRule<Request>[] {
    for (const option of Object.keys(options))
      if (option !== 'rule') throw unknownOption('a change of usage', option, ['rule'])
    const { rules } = this.context
    if (options.rule !== undefined) return rulesNamed(rules, options.rule).filter(applies)
    const selected = rules.filter(applies)
    if (this.context.isKey(subject) && selected.some(({ keyFor }) => keyFor !== selected[0]?.keyFor))
      throw new TypeError(
        `the rules count by different keys, so 'rule' must be one of ${namesOf(selected)}; or pass the request`,
      )
    return selected
  }
}

function isRate({ resource }: Pick<ScopedRule<never>, 'resource'>): boolean {
  return resource !== 'concurrent'
}

/**
 * Returns the rule of a name, or all limits of a rule that has several.
 *
 * @throws TypeError if there is none
 */
export function rulesNamed<Request>(
  rules: readonly ScopedRule<Request>[],
  name: string,
): ScopedRule<Request>[] {
  const named = rules.find((rule) => rule.name === name)
  if (named !== undefined) return rules.filter(({ index }) => index === named.index)
  const names = rules.map((rule) => rule.name)
  const hint = suggestThenList(String(name), names, `the rules are ${names.join(', ')}`)
  throw new TypeError(`there is no rule '${String(name).slice(0, 70)}'${hint}`)
}

function namesOf(rules: readonly Pick<ScopedRule<never>, 'name'>[]): string {
  return [...new Set(rules.map(({ name }) => name))].join(', ')
}

/** Returns the limit of a key whose client is unknown. */
function limitOfKey({ name, limit }: Pick<ScopedRule<never>, 'name' | 'limit'>): Limit {
  if (limit !== undefined) return limit
  throw new TypeError(`a function computes the limit of the rule '${name}', so pass the request, not a key`)
}

/** Returns the maximum time for which units count, in milliseconds. */
function spanOf(limit: Limit): number {
  return countsSlots(limit) ? limit.lease : (capacityOf(limit) * limit.period) / limit.limit
}
