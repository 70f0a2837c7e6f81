import type { FailureStats } from 'sluice'

/** What can be counted of a store, since the start. */
export interface StoreStats {
  /** `false` while the policy for its failure decides. */
  readonly up: boolean
  readonly failures: number
  readonly timeouts: number
  /** Operations that a store which works could not do, such as one on a key that holds something else. */
  readonly requestErrors: number
  /** Undefined where the state is in memory, which is never lost. */
  readonly breaker: FailureStats['state'] | undefined
  /** Requests answered with 503 because nothing could be decided. */
  readonly unavailable: number
  readonly settlements: { readonly waiting: number; readonly lost: number }
  /** What is in the memory of this process. */
  readonly memory: { readonly keys: number; readonly overflowed: number }
}

/** Of a store in memory. */
export const NEVER_LOST: Omit<StoreStats, 'memory'> = {
  ...{ up: true, breaker: undefined, failures: 0, timeouts: 0, requestErrors: 0, unavailable: 0 },
  settlements: { waiting: 0, lost: 0 },
}

/** What several processes count of their connections to the one store, taken together. */
export function summedStats(each: readonly StoreStats[]): StoreStats {
  const sum = (count: (figures: StoreStats) => number) =>
    each.reduce((total, figures) => total + count(figures), 0)
  const lost = each.find(({ up }) => !up)
  return {
    up: lost === undefined,
    failures: sum(({ failures }) => failures),
    timeouts: sum(({ timeouts }) => timeouts),
    requestErrors: sum(({ requestErrors }) => requestErrors),
    breaker: lost?.breaker ?? each[0]?.breaker,
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

/** What remains of a process that has ended: what it has counted. Settlements that waited there are lost. */
export function exitedWorkerStats(figures: StoreStats): StoreStats {
  const { waiting, lost } = figures.settlements
  return {
    ...figures,
    up: true,
    settlements: { waiting: 0, lost: lost + waiting },
    memory: { keys: 0, overflowed: figures.memory.overflowed },
  }
}
