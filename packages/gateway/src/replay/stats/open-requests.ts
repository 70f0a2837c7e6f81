import type { Amounts } from '../../policy/llm/usage.js'
import type { HeldCharge } from './rule-stats.js'

/** Charges of admitted requests that have not ended, by the id of the request. */
export class OpenRequests {
  readonly #held = new Map<number, readonly HeldCharge[]>()

  begin(openId: number, held: readonly HeldCharge[]): void {
    this.#held.set(openId, held)
  }

  settled(openId: number, costs: Amounts, now: number): void {
    for (const each of this.#held.get(openId) ?? []) {
      const { resource } = each.rule
      if (isAmount(costs, resource)) each.rule.settle(each, costs[resource], now)
    }
  }

  ended(openId: number, now: number): void {
    for (const each of this.#held.get(openId) ?? []) each.rule.release(each, now)
    this.#held.delete(openId)
  }
}

function isAmount(costs: Amounts, resource: string): resource is keyof Amounts {
  return Object.hasOwn(costs, resource)
}
