import type { Amounts } from '../../policy/llm/usage.js'
import type { OpenCharge } from './rule-stats.js'

/** Charges of admitted requests that have not ended, by the id of the request. */
export class OpenRequests {
  readonly #charges = new Map<number, readonly OpenCharge[]>()

  begin(openId: number, charges: readonly OpenCharge[]): void {
    this.#charges.set(openId, charges)
  }

  settled(openId: number, costs: Partial<Amounts>, now: number): void {
    for (const each of this.#charges.get(openId) ?? []) {
      const { resource } = each.rule
      const cost = isAmount(costs, resource) ? costs[resource] : undefined
      if (cost !== undefined) each.rule.settle(each, cost, now)
    }
  }

  ended(openId: number, now: number): void {
    for (const each of this.#charges.get(openId) ?? []) each.rule.release(each, now)
    this.#charges.delete(openId)
  }
}

function isAmount(costs: Partial<Amounts>, resource: string): resource is keyof Amounts {
  return Object.hasOwn(costs, resource)
}
