import type { Amounts } from '../../llm/usage.js'
import type { Aftermath } from '../engine/played.js'
import type { Held } from './rule-tally.js'

/** Tells rules what becomes of what they let in. */
export function aftermathOf(held: readonly Held[], now: () => number): Aftermath {
  return {
    settled(costs) {
      for (const each of held) {
        const { resource } = each.quota
        if (isAmount(costs, resource)) each.rule.settle(each, costs[resource], now())
      }
    },
    ended() {
      for (const each of held) each.rule.release(each, now())
    },
  }
}

function isAmount(costs: Amounts, resource: string): resource is keyof Amounts {
  return Object.hasOwn(costs, resource)
}
