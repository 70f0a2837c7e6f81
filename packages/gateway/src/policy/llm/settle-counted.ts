import type { MaybePromise, Permit } from 'sluice'

/** Settles a permit with the costs that its policy has rules for; an upstream may report others. */
export function settleCounted(permit: Permit, costs: Readonly<Record<string, number>>): MaybePromise<void> {
  const counted = Object.entries(costs).filter(([resource]) => permit.resources.includes(resource))
  return permit.settle(Object.fromEntries(counted))
}
