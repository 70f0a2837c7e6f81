import { MAX_MONEY, unitsOf } from 'sluice/internal'
import { type Expression, propertiesOf } from '../cel/expression.js'
import type { Problems } from '../yaml/diagnostics.js'
import type { ConfigNode } from '../yaml/yaml-node.js'

type Cost = number | Expression<number> | undefined

/**
 * Converts the cost of a limit on money, which is in the currency, to units of 10^-9. The result of an
 * expression is rounded up to a whole unit.
 */
export function moneyCost<C extends Cost>(cost: C, node: ConfigNode, problems: Problems): C
export function moneyCost(cost: Cost, node: ConfigNode, problems: Problems): Cost {
  if (cost === undefined) return undefined
  if (typeof cost === 'function') {
    const units = (...request: Parameters<typeof cost>) => roundedUnits(cost(...request))
    return Object.assign(units, propertiesOf(cost))
  }
  const units = unitsOf(String(cost))
  if (units !== undefined && units <= BigInt(MAX_MONEY)) return Number(units)
  problems.at(
    node,
    `a cost in money must have at most nine digits after the point, and be below nine million, not ${cost}`,
  )
  return undefined
}

/** Rounds up, except for errors of the arithmetic such as 0.1 × 3 = 0.30000000000000004. */
function roundedUnits(cost: number): number {
  const exact = unitsOf(String(cost))
  if (exact !== undefined) return Number(exact)
  return Math.ceil(cost * 1e9 * (1 - 1e-12))
}
