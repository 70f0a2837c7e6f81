import { setTimeout as pause } from 'node:timers/promises'
import type { Rule } from '../../../src/rules/rule.js'
import type { FailurePolicyName } from '../../../src/stores/resilience/failure-options.js'
import type { FailureStats } from '../../../src/stores/resilience/failure-policy.js'
import type { Refund } from '../checker.js'
import { ProcessPool } from '../process-pool.js'

/** Deadline of the failure policy. */
export const DEADLINE_MS = 100
/** Maximum time of a decision beyond the deadline. */
const GRACE_MS = 50
/** Maximum time until the store decides again after its recovery. */
const RECOVERY_MS = 2000
/** Duration of the load before the fault. */
const BEFORE_FAULT_MS = 1000

export const BUCKET = { algorithm: 'token-bucket', limit: 20, period: 1000, burst: 10 } as const
export const LOG = { algorithm: 'sliding-log', limit: 10, period: 500 } as const
export const SLOTS = 2
/** The names are chosen so that each policy has limits on the cluster node that is lost. */
const LIMITS: readonly Rule<string>[] = [
  { name: 'requests', limit: BUCKET },
  { name: 'requests-2', limit: LOG },
  { name: 'in-flight', concurrent: SLOTS, lease: 5000 },
]
/** Time for which a slot is held. */
const HOLD_MS = 80

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
  /** Times between which the request certainly held its slot, by the machine's clock. */
  readonly heldFrom: number
  readonly heldUntil: number
}

/** A refunded late admission by a token bucket. Times are by the store's clock. */
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
  /**
   * Maxima over the run. `timerMs` is the actual time of a plain timer with the deadline's length.
   */
  readonly max: Readonly<
    Record<'decisionMs' | 'timerMs' | 'pending' | 'pendingLeft' | 'sockets' | 'socketsLeft', number>
  >
  readonly memory: Readonly<Record<'before' | 'atEnd' | 'after', number>>
  /** Reported changes of the breaker's state, in order. */
  readonly changes: readonly ('open' | 'closed')[]
  /** Error replies of the server after which the store did not retry. */
  readonly replies: readonly string[]
  /**
   * Time from the recovery until the store had decided for each limit, and whether that was in
   * time.
   */
  readonly recovery: { readonly afterMs: number; readonly inTime: boolean }
  /** True if all connections were closed when the store was closed. */
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
    ...{ rate, limits: LIMITS },
    ...{ holdMs: HOLD_MS, deadlineMs: DEADLINE_MS, graceMs: GRACE_MS, recoveryMs: RECOVERY_MS },
  }))
  const pool = await ProcessPool.start<LoadReport>(
    new URL('../workers/fault-load.js', import.meta.url),
    options,
  )
  try {
    const results = pool.run({})
    await Promise.race([results, pause(BEFORE_FAULT_MS)])
    pool.signal('fault')
    await Promise.race([results, fault()])
    pool.signal('recovered')
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
