import { randomUUID } from 'node:crypto'
import type { Quota } from './decision.js'
import type { Client } from './policy/client.js'
import type { CompiledRule } from './policy/compiled-rule.js'
import { scaleLimit } from './policy/scale.js'
import type { Charge, StoreVerdict } from './stores/store.js'

/** A rule with the scope that its state is kept under. */
export interface ScopedRule<Request> extends CompiledRule<Request> {
  readonly scope: string
}

/** A rule as it applies to one request. */
export interface RuleCharge {
  readonly rule: Pick<ScopedRule<never>, 'name' | 'resource' | 'enforce' | 'waiting'>
  readonly charge: Charge
}

/**
 * What the rules charge for a request.
 *
 * A shadow rule whose own functions fail on the request is left out: it only watches, and may neither refuse nor break anything.
 *
 * @param scale what every limit is multiplied with, but for the shared ones: others count by them, too
 */
export function chargesFor<Request>(
  rules: readonly ScopedRule<Request>[],
  request: Request,
  client: Client | undefined,
  scale: number,
): RuleCharge[] {
  const charges: RuleCharge[] = []
  for (const rule of rules) {
    if (rule.enforce) charges.push({ rule, charge: chargeOf(rule, request, client, scale) })
    else {
      try {
        charges.push({ rule, charge: chargeOf(rule, request, client, scale) })
      } catch {}
    }
  }
  return charges
}

function chargeOf<Request>(
  rule: ScopedRule<Request>,
  request: Request,
  client: Client | undefined,
  scale: number,
): Charge {
  const limit = scaleLimit(rule.limitFor(request, client), rule.shared ? 1 : scale)
  return {
    scope: rule.scope,
    key: rule.keyFor(request, client),
    limit,
    cost: rule.costFor(request, limit),
    lease: limit.algorithm === 'concurrency' ? nextLease() : undefined,
    enforce: rule.enforce,
  }
}

/** How a request stands with a rule, by the store's answer. */
export function quotaOf({ rule, charge }: RuleCharge, verdict: StoreVerdict): Quota {
  return {
    rule: rule.name,
    resource: rule.resource,
    key: charge.key,
    limit: charge.limit,
    cost: charge.cost,
    allowed: verdict.allowed,
    enforced: rule.enforce,
    remaining: verdict.remaining,
    resetAfter: verdict.resetAfter,
    moreAfter: verdict.moreAfter,
    retryAfter: verdict.retryAfter,
  }
}

/** No other request has the same lease, in this process or in another. */
function nextLease(): string {
  leases++
  return `${PROCESS}-${leases.toString(36)}`
}

const PROCESS = randomUUID()
let leases = 0
