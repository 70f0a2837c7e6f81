import { randomUUID } from 'node:crypto'
import type { Quota } from './decision.js'
import { capacityOf, type Limit } from './limits/limit.js'
import type { Client } from './policy/client.js'
import type { CompiledRule } from './policy/compiled-rule.js'
import type { KeyFor } from './policy/key-spec.js'
import { scaleLimit } from './policy/scale.js'
import type { WarmUp } from './policy/warm-up.js'
import type { Charge, StoreVerdict } from './stores/store.js'

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
 * What the rules charge for a request.
 *
 * A shadow rule whose own functions fail on the request is left out: it only watches, and may neither refuse nor break anything.
 *
 * @param scaling of every limit, but for the shared ones: others count by them, too
 */
export function chargesFor<Request>(
  rules: readonly ScopedRule<Request>[],
  request: Request,
  client: Client | undefined,
  scaling: Scaling | undefined,
): RuleCharge[] {
  // One that is pushed to has room for 17: a third of all that a decision allocates.
  const charges = new Array<RuleCharge>(rules.length)
  let count = 0
  let keyFor: KeyFor<Request> | undefined
  let key = ''
  for (const rule of rules) {
    try {
      const whole = rule.limitFor(request, client)
      const limit = scaling === undefined || rule.shared ? whole : scaleLimit(whole, scaling.scale)
      const cost = rule.costFor(request, limit)
      // Mostly it counts for the same as the rule before.
      if (rule.keyFor !== keyFor) {
        key = rule.keyFor(request, client)
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
export function standingCharge<Request>(rule: ScopedRule<Request>, key: string): RuleCharge {
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
