import { suggest } from '../did-you-mean.js'
import type { Resource } from '../rules/rule.js'

/** @throws TypeError that names the first resource of a settlement which no rule counts, and lists those that are. */
export function checkSettledResources(
  costs: Readonly<Partial<Record<Resource, number>>>,
  counted: readonly Resource[],
): void {
  const unknown = Object.keys(costs).find((resource) => !counted.includes(resource))
  if (unknown === undefined) return
  const meant = suggest(unknown, counted)
  const separator = meant === '' ? '; the' : ' The'
  throw new TypeError(
    `no rule counts '${unknown}'${meant}${separator} rules count ${[...new Set(counted)].join(', ') || 'nothing'}`,
  )
}
