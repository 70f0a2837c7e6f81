import type { MaybePromise, Permit } from 'sluice'

/** Settles a permit with only the costs that its rules count. The upstream may report others. */
export function settleCounted(permit: Permit, costs: Readonly<Record<string, number>>): MaybePromise<void> {
  const counted = Object.entries(costs).filter(([resource]) => permit.resources.includes(resource))
  return permit.settle(Object.fromEntries(counted))
}
