import type { Timers } from '../time/timers.js'
import type { Permit, Renewal } from './permit.js'

interface Group {
  readonly permits: Set<Permit>
  timer: unknown
}

/**
 * Renews permits while their requests run, with one timer per lease duration in use. A renewal is
 * sent every third of a lease, so that a single lost or late renewal does not lose a slot.
 */
export function leaseRenewal(timers: Pick<Timers, 'start' | 'stop'>): Renewal {
  const groups = new Map<number, Group>()
  const startTimer = (group: Group, intervalMs: number) => {
    const onTimer = () => {
      startTimer(group, intervalMs)
      group.permits.forEach(renew)
    }
    group.timer = timers.start(onTimer, intervalMs, true)
  }
  return {
    start(permit, leaseMs) {
      let group = groups.get(leaseMs)
      if (group === undefined) {
        group = { permits: new Set(), timer: undefined }
        groups.set(leaseMs, group)
        startTimer(group, leaseMs / 3)
      }
      group.permits.add(permit)
    },
    stop(permit) {
      for (const [leaseMs, { permits, timer }] of groups) {
        if (permits.delete(permit) && permits.size === 0) {
          timers.stop(timer)
          groups.delete(leaseMs)
        }
      }
    },
  }
}

function renew(permit: Permit): void {
  // A failed renewal is retried after a third of the lease.
  try {
    const renewed = permit.renew()
    if (renewed instanceof Promise) renewed.catch(() => {})
  } catch {}
}
