import { randomUUID } from 'node:crypto'
import { capacityOf, type Limit } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import type { CompiledRule } from '../rules/compiled-rule.js'
import type { KeyFor } from '../rules/key-spec.js'
import { scaleLimit } from '../rules/scale.js'
import type { WarmUp } from '../rules/warm-up.js'
import type { Charge, StoreVerdict } from '../stores/store.js'
import type { Quota } from './decision.js'

/** A rule with the scope that its state is kept under. */
export interface ScopedRule<Request> extends CompiledRule<Request> {
  readonly scope: string
}

/** A rule as it applies to one request. */
export interface RuleCharge extends Charge {
  readonly rule: Pick<ScopedRule<never>, 'name' | 'resource' | 'enforce' | 'waiting'>
  /** While a model warms up: when the limit can hold the charge, in milliseconds from now; 0 where it can, Infinity where it never will. */
  readonly holdsAfter: number
}

/** What scales limits. */
export type Scaling = Pick<WarmUp, 'scale' | 'until'>

/**
 * What the rules charge for a request. A promise where a function of a rule gives one; the rules are asked in their order then,
 * each once the one before has answered.
 *
 * A rule that is unlimited for the client is left out. A shadow rule whose own functions fail on the request is left out: it only watches, and may neither refuse nor break anything.
 *
 * @param scaling of every limit, but for the shared ones: others count by them, too
 */
export function chargesFor<Request>(
  rules: readonly ScopedRule<Request>[],
  request: Request,
  client: Client | undefined,
  scaling: Scaling | undefined,
): MaybePromise<RuleCharge[]> {
  // One that is pushed to has room for 17: a third of all that a decision allocates.
  const charges = new Array<RuleCharge>(rules.length)
  let count = 0
  let keyFor: KeyFor<Request> | undefined
  let key = ''
  /** Goes on asynchronously from the rule whose function gave a promise. */
  const later = (index: number, begun: Begun) => {
    charges.length = count
    return laterCharges(rules.slice(index), { request, client, scaling, charges, keyFor, key, begun })
  }
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as ScopedRule<Request>
    try {
      const whole = rule.limitFor(request, client)
      if (whole instanceof Promise) return later(index, { whole })
      // The client is unlimited: nothing is counted.
      if (whole === undefined) continue
      const limit = scaled(rule, whole, scaling)
      const cost = rule.costFor(request, limit)
      if (cost instanceof Promise) return later(index, { whole, cost })
      // Mostly it counts for the same as the rule before.
      if (rule.keyFor !== keyFor) {
        const own = rule.keyFor(request, client)
        if (own instanceof Promise) return later(index, { whole, cost, key: own })
        key = own
        keyFor = rule.keyFor
      }
      charges[count] = chargeOf(rule, key, limit, cost, holdsAfter(cost, limit, whole, scaling))
      count++
    } catch (error) {
      if (rule.enforce) throw error
    }
  }
  // To set it as it is takes as long as to make a charge.
  if (count < charges.length) charges.length = count
  return charges
}

/** What the functions of a rule have answered already; they are not asked again. */
interface Begun {
  readonly whole: MaybePromise<Limit | undefined>
  readonly cost?: MaybePromise<number>
  readonly key?: Promise<string>
}

/** How far the charges for a request have come. */
interface Progress<Request> {
  readonly request: Request
  readonly client: Client | undefined
  readonly scaling: Scaling | undefined
  readonly charges: RuleCharge[]
  /** What gave the last key, and the key. */
  readonly keyFor: KeyFor<Request> | undefined
  readonly key: string
  /** What is there of the first of the rules. */
  readonly begun: Begun
}

async function laterCharges<Request>(
  rules: readonly ScopedRule<Request>[],
  progress: Progress<Request>,
): Promise<RuleCharge[]> {
  const { request, client, scaling, charges } = progress
  let { keyFor, key } = progress
  let begun: Partial<Begun> = progress.begun
  for (const rule of rules) {
    try {
      const whole = await (begun.whole ?? rule.limitFor(request, client))
      if (whole !== undefined) {
        const limit = scaled(rule, whole, scaling)
        const cost = await (begun.cost ?? rule.costFor(request, limit))
        if (begun.key !== undefined || rule.keyFor !== keyFor) {
          key = await (begun.key ?? rule.keyFor(request, client))
          keyFor = rule.keyFor
        }
        charges.push(chargeOf(rule, key, limit, cost, holdsAfter(cost, limit, whole, scaling)))
      }
    } catch (error) {
      if (rule.enforce) throw error
    }
    begun = {}
  }
  return charges
}

/** What a limit is while a model warms up. */
function scaled(
  { shared }: Pick<ScopedRule<never>, 'shared'>,
  whole: Limit,
  scaling: Scaling | undefined,
): Limit {
  return scaling === undefined || shared ? whole : scaleLimit(whole, scaling.scale)
}

/**
 * Charges of cost 0: they take nothing and tell how the keys of the rules stand. Rules whose key or limit is not known at once
 * are left out, and those that are unlimited for the client.
 */
export function freeCharges<Request>(
  rules: readonly ScopedRule<Request>[],
  request: Request,
  client: Client | undefined,
  scaling: Scaling | undefined,
): RuleCharge[] {
  return rules.flatMap((rule) => {
    const limit = atOnce(() => rule.limitFor(request, client))
    const key = limit && atOnce(() => rule.keyFor(request, client))
    if (limit?.value === undefined || key === undefined) return []
    return [chargeOf(rule, key.value, scaled(rule, limit.value, scaling), 0, 0)]
  })
}

/** What a function answers at once; undefined where it does not, or throws. */
function atOnce<T>(ask: () => MaybePromise<T>): { readonly value: T } | undefined {
  try {
    const value = ask()
    if (!(value instanceof Promise)) return { value }
    value.catch(() => {})
    return undefined
  } catch {
    return undefined
  }
}

function chargeOf(
  rule: RuleCharge['rule'] & Pick<ScopedRule<never>, 'scope'>,
  key: string,
  limit: Limit,
  cost: number,
  holdsAfter: number,
): RuleCharge {
  const { scope, enforce } = rule
  const lease = limit.algorithm === 'concurrency' ? nextLease() : undefined
  return { rule, scope, key, limit, cost, lease, enforce, holdsAfter }
}

/** What a rule of a fixed limit and cost charges for a request with this key. */
export function preparedCharge<Request>(rule: ScopedRule<Request>, key: string): RuleCharge {
  const limit = rule.limit as Limit
  const cost = rule.cost as number
  return chargeOf(rule, key, limit, cost, holdsAfter(cost, limit, limit, undefined))
}

const NEVER = Number.POSITIVE_INFINITY

function holdsAfter(cost: number, limit: Limit, whole: Limit, scaling: Scaling | undefined): number {
  if (cost <= capacityOf(limit)) return 0
  if (scaling === undefined || cost > capacityOf(whole)) return NEVER
  return scaling.until(cost / capacityOf(whole))
}

/** How a request stands with its rules, by the store's answer. */
export function quotasOf(charges: readonly RuleCharge[], verdicts: readonly StoreVerdict[]): Quota[] {
  return charges.map((charge, index) => new RequestQuota(charge, verdicts[index] as StoreVerdict))
}

/** A class for the same reason as a verdict is one (`limits/algorithm.ts`). */
export class RequestQuota implements Quota {
  readonly rule: string
  readonly resource: string
  readonly key: string
  readonly limit: Limit
  readonly cost: number
  readonly allowed: boolean
  readonly enforced: boolean
  readonly remaining: number
  readonly resetAfter: number
  readonly moreAfter: number
  readonly retryAfter: number

  constructor(
    charge: Pick<RuleCharge, 'rule' | 'key' | 'limit' | 'cost' | 'holdsAfter'>,
    verdict: StoreVerdict,
  ) {
    const { rule, key, limit, cost, holdsAfter } = charge
    const { resetAfter, retryAfter } = verdict
    this.rule = rule.name
    this.resource = rule.resource
    this.key = key
    this.limit = limit
    this.cost = cost
    this.allowed = verdict.allowed
    this.enforced = rule.enforce
    this.remaining = verdict.remaining
    this.resetAfter = resetAfter
    this.moreAfter = verdict.moreAfter
    // What a limit cannot hold yet fits once it can and nothing of it is used.
    this.retryAfter = retryAfter === NEVER && holdsAfter > 0 ? Math.max(holdsAfter, resetAfter) : retryAfter
  }
}

/** No other request has the same lease, in this process or in another. */
function nextLease(): string {
  leases++
  return `${PROCESS}-${leases.toString(36)}`
}

const PROCESS = randomUUID()
let leases = 0
