import type { FailureStats } from 'sluice'

/** Statistics of a store. Counts cover the time since the process started. */
export interface StoreStats {
  /** False while the failure policy decides. */
  readonly up: boolean
  readonly failures: number
  readonly timeouts: number
  /** Operations that a working store rejected, such as one on a key of another type. */
  readonly requestErrors: number
  /** Undefined for a memory store, which is always available. */
  readonly breaker: FailureStats['state'] | undefined
  /** Requests rejected with 503 because they could not be decided. */
  readonly unavailable: number
  readonly settlements: { readonly waiting: number; readonly lost: number }
  /** The state in the memory of this process. */
  readonly memory: { readonly keys: number; readonly overflowed: number }
}

/** The statistics of a memory store, except for its keys. */
export const ALWAYS_UP: Omit<StoreStats, 'memory'> = {
  ...{ up: true, breaker: undefined, failures: 0, timeouts: 0, requestErrors: 0, unavailable: 0 },
  settlements: { waiting: 0, lost: 0 },
}

/** Sums the statistics of several processes that share a store. */
export function summedStats(all: readonly StoreStats[]): StoreStats {
  const sum = (count: (stats: StoreStats) => number) => all.reduce((total, stats) => total + count(stats), 0)
  const down = all.find(({ up }) => !up)
  return {
    up: down === undefined,
    failures: sum(({ failures }) => failures),
    timeouts: sum(({ timeouts }) => timeouts),
    requestErrors: sum(({ requestErrors }) => requestErrors),
    breaker: down?.breaker ?? all[0]?.breaker,
    unavailable: sum(({ unavailable }) => unavailable),
    settlements: {
      waiting: sum(({ settlements }) => settlements.waiting),
      lost: sum(({ settlements }) => settlements.lost),
    },
    memory: {
      keys: sum(({ memory }) => memory.keys),
      overflowed: sum(({ memory }) => memory.overflowed),
    },
  }
}

/** Returns the counts of a worker that has exited. Settlements that were queued in it are lost. */
export function exitedWorkerStats(stats: StoreStats): StoreStats {
  const { waiting, lost } = stats.settlements
  return {
    ...stats,
    up: true,
    settlements: { waiting: 0, lost: lost + waiting },
    memory: { keys: 0, overflowed: stats.memory.overflowed },
  }
}
