import type { MaybePromise, Permit } from 'sluice'

/** Settles a permit with what its policy counts of some costs: an upstream tells more than a policy has rules for. */
export function settleCounted(permit: Permit, costs: Readonly<Record<string, number>>): MaybePromise<void> {
  const counted = Object.entries(costs).filter(([resource]) => permit.resources.includes(resource))
  return permit.settle(Object.fromEntries(counted))
}
