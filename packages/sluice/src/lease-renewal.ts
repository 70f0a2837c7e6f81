import type { Permit, Renewal } from './permit.js'

/**
 * Renews permits while their requests run: one timer for all that have the same lease, and none when there are no
 * permits. Three renewals fit into a lease, so that one that is lost or late costs nobody a slot.
 */
export function leaseRenewal(): Renewal {
  const groups = new Map<number, { readonly permits: Set<Permit>; readonly timer: NodeJS.Timeout }>()
  return {
    start(permit, lease) {
      let group = groups.get(lease)
      if (group === undefined) {
        const permits = new Set<Permit>()
        const timer = setInterval(() => permits.forEach(renew), lease / 3)
        timer.unref()
        group = { permits, timer }
        groups.set(lease, group)
      }
      group.permits.add(permit)
    },
    stop(permit) {
      for (const [lease, { permits, timer }] of groups) {
        if (permits.delete(permit) && permits.size === 0) {
          clearInterval(timer)
          groups.delete(lease)
        }
      }
    },
  }
}

function renew(permit: Permit): void {
  const renewed = permit.renew()
  // What fails now is tried again in a third of a lease.
  if (renewed instanceof Promise) renewed.catch(() => {})
}
