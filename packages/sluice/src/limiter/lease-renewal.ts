import type { Timers } from '../time/timers.js'
import type { Permit, Renewal } from './permit.js'

interface Group {
  readonly permits: Set<Permit>
  timer: unknown
}

/**
 * Renews permits while their requests run: one timer for all that have the same lease, and none when there are no
 * permits. Three renewals fit into a lease, so that one that is lost or late costs nobody a slot.
 */
export function leaseRenewal(timers: Pick<Timers, 'start' | 'stop'>): Renewal {
  const groups = new Map<number, Group>()
  const startTimer = (group: Group, interval: number) => {
    const callback = () => {
      startTimer(group, interval)
      group.permits.forEach(renew)
    }
    group.timer = timers.start(callback, interval, true)
  }
  return {
    start(permit, lease) {
      let group = groups.get(lease)
      if (group === undefined) {
        group = { permits: new Set(), timer: undefined }
        groups.set(lease, group)
        startTimer(group, lease / 3)
      }
      group.permits.add(permit)
    },
    stop(permit) {
      for (const [lease, { permits, timer }] of groups) {
        if (permits.delete(permit) && permits.size === 0) {
          timers.stop(timer)
          groups.delete(lease)
        }
      }
    },
  }
}

function renew(permit: Permit): void {
  // What fails now is tried again in a third of a lease.
  try {
    const renewed = permit.renew()
    if (renewed instanceof Promise) renewed.catch(() => {})
  } catch {}
}
