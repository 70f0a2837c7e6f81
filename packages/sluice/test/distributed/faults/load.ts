import { setTimeout as pause } from 'node:timers/promises'
import type { Rule } from '../../../src/rules/rule.js'
import type { FailurePolicyName } from '../../../src/stores/resilience/failure-options.js'
import type { FailureStats } from '../../../src/stores/resilience/failure-policy.js'
import type { Refund } from '../checker.js'
import { ProcessPool } from '../process-pool.js'

/** Deadline of the failure policy, in milliseconds. */
export const DEADLINE = 100
/** Allowed time of a decision beyond the deadline, in milliseconds. */
const GRACE = 50
/** Time within which the store decides again after its recovery, in milliseconds. */
const BACK = 2000
const BEFORE_FAULT = 1000

export const BUCKET = { algorithm: 'token-bucket', limit: 20, period: 1000, burst: 10 } as const
export const LOG = { algorithm: 'sliding-log', limit: 10, period: 500 } as const
export const SLOTS = 2
/** The names determine the cluster node: each policy has limits on the node that is lost. */
const LIMITS: readonly Rule<string>[] = [
  { name: 'requests', limit: BUCKET },
  { name: 'requests-2', limit: LOG },
  { name: 'in-flight', concurrent: SLOTS, lease: 5000 },
]
/** Time for which a slot is held, in milliseconds. */
const HOLD = 80

/** Processes that share limits, by failure policy. Together they make 500 requests per second. */
const GROUPS = [
  { policy: 'local', peers: 2, rate: 150 },
  { policy: 'closed', peers: 1, rate: 100 },
  { policy: 'open', peers: 1, rate: 100 },
] as const

export interface LoggedAdmission {
  /** Index of the limit. */
  readonly kind: number
  readonly source: 'store' | 'local' | 'open'
  /** Time of the decision, by the store's clock or, for local decisions, by the machine's. */
  readonly at: number
  /** Bounds within which it surely held its slot, by the machine's clock. */
  readonly heldFrom: number
  readonly heldUntil: number
}

/** A late admission by a token bucket that was refunded. Times are by the store's clock. */
export interface LateAdmission extends Refund {
  readonly at: number
}

/** The report of one process. Times are in milliseconds, memory in bytes. */
export interface LoadReport {
  readonly log: readonly LoggedAdmission[]
  /**
   * Late admissions that are not in the log, because the requests were decided without the store.
   */
  readonly refunds: readonly LateAdmission[]
  readonly requestsPerSecond: number
  readonly count: Readonly<
    Record<'calls' | 'refused' | 'degraded' | 'unavailable' | 'overdue' | 'errors' | 'storeDecisions', number>
  >
  /** Free slots after all permits were released. */
  readonly slots: { readonly free: number }
  readonly most: Readonly<
    Record<'milliseconds' | 'ofBareTimer' | 'pending' | 'pendingLeft' | 'sockets' | 'socketsLeft', number>
  >
  readonly memory: Readonly<Record<'before' | 'atEnd' | 'after', number>>
  /** Reported changes of the state of the breaker, in order. */
  readonly changes: readonly ('open' | 'closed')[]
  /** Error replies of the server after which the store did not retry. */
  readonly replies: readonly string[]
  /**
   * Time from the recovery until the store had decided for each limit, and whether that was in
   * time.
   */
  readonly back: { readonly after: number; readonly inTime: boolean }
  /** Whether all connections are closed after the store was closed. */
  readonly isClosed: boolean
  readonly stats: FailureStats
  readonly error: string
}

/** The reports of the processes of one policy. */
export interface GroupReport {
  readonly policy: FailurePolicyName
  readonly peers: number
  readonly reports: readonly LoadReport[]
}

/**
 * Runs four processes under three policies, from a second before a fault until shortly after it.
 */
export async function runUnderLoad(
  url: string,
  fault: () => Promise<void>,
  client?: 'ioredis' | 'node-redis',
): Promise<GroupReport[]> {
  const processes = GROUPS.flatMap((group) => Array<typeof group>(group.peers).fill(group))
  const options = processes.map(({ policy, peers, rate }) => ({
    url,
    client,
    prefix: 'faults:',
    name: policy,
    policy: policy === 'local' ? { policy, peers } : { policy },
    ...{ rate, limits: LIMITS, hold: HOLD, deadline: DEADLINE, grace: GRACE, back: BACK },
  }))
  const pool = await ProcessPool.start<LoadReport>(
    new URL('../workers/fault-load.js', import.meta.url),
    options,
  )
  try {
    const results = pool.run({})
    await Promise.race([results, pause(BEFORE_FAULT)])
    pool.signal('fault')
    await Promise.race([results, fault()])
    pool.signal('returned')
    const reports = await results
    return GROUPS.map(({ policy, peers }) => ({
      policy,
      peers,
      reports: reports.filter((_, index) => processes[index]?.policy === policy),
    }))
  } finally {
    await pool.stop()
  }
}
