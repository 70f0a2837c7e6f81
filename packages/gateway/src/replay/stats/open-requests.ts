import type { Amounts } from '../../policy/llm/usage.js'
import type { Held } from './rule-stats.js'

/** What requests hold that were let in and have not ended, by the number that each is told by. */
export class OpenRequests {
  readonly #held = new Map<number, readonly Held[]>()

  begin(holding: number, held: readonly Held[]): void {
    this.#held.set(holding, held)
  }

  settled(holding: number, costs: Amounts, now: number): void {
    for (const each of this.#held.get(holding) ?? []) {
      const { resource } = each.rule
      if (isAmount(costs, resource)) each.rule.settle(each, costs[resource], now)
    }
  }

  ended(holding: number, now: number): void {
    for (const each of this.#held.get(holding) ?? []) each.rule.release(each, now)
    this.#held.delete(holding)
  }
}

function isAmount(costs: Amounts, resource: string): resource is keyof Amounts {
  return Object.hasOwn(costs, resource)
}
