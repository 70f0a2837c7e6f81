import type { Amounts } from '../../policy/llm/usage.js'
import type { OpenCharge, RuleStats } from './rule-stats.js'

/** Charges of admitted requests that have not ended, by the id of the request. */
export class OpenRequests {
  /** The charges of a rule are followed by their extensions, in the order in which they were taken. */
  readonly #charges = new Map<number, OpenCharge[]>()

  begin(openId: number, charges: OpenCharge[]): void {
    this.#charges.set(openId, charges)
  }

  extended(openId: number, costs: Partial<Amounts>, now: number): void {
    const charges = this.#charges.get(openId) ?? []
    for (const rule of new Set(charges.map((each) => each.rule))) {
      const cost = costOf(costs, rule)
      const first = charges.find((each) => each.rule === rule)
      if (cost !== undefined && first !== undefined) charges.push(rule.extend(first, cost, now))
    }
  }

  settled(openId: number, costs: Partial<Amounts>, now: number): void {
    const charges = this.#charges.get(openId) ?? []
    for (const [index, each] of charges.entries()) {
      const cost = costOf(costs, each.rule)
      if (cost === undefined || charges.findIndex(({ rule }) => rule === each.rule) !== index) continue
      settleParts(
        charges.filter(({ rule }) => rule === each.rule),
        cost,
        now,
      )
    }
  }

  ended(openId: number, now: number): void {
    for (const each of this.#charges.get(openId) ?? []) each.rule.release(each, now)
    this.#charges.delete(openId)
  }
}

/** Divides the actual cost among parts. What was taken first is used first. */
function settleParts(parts: readonly OpenCharge[], cost: number, now: number): void {
  let rest = cost
  for (const [index, part] of parts.entries()) {
    const share = index === parts.length - 1 ? rest : Math.min(rest, part.cost)
    part.rule.settle(part, share, now)
    rest -= share
  }
}

function costOf(costs: Partial<Amounts>, { resource }: RuleStats): number | undefined {
  return isAmount(costs, resource) ? costs[resource] : undefined
}

function isAmount(costs: Partial<Amounts>, resource: string): resource is keyof Amounts {
  return Object.hasOwn(costs, resource)
}
