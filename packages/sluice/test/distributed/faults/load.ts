import { setTimeout as pause } from 'node:timers/promises'
import type { Rule } from '../../../src/rules/rule.js'
import type { FailurePolicyName } from '../../../src/stores/resilience/failure-options.js'
import type { FailureStats } from '../../../src/stores/resilience/failure-policy.js'
import type { GivenBack } from '../checker.js'
import { Crew } from '../process-pool.js'

/** Milliseconds. */
export const DEADLINE = 100
/** What a decision may take beyond the deadline. */
const GRACE = 50
/** Within this the store decides again once it is back. */
const BACK = 2000
const BEFORE_FAULT = 1000

export const BUCKET = { algorithm: 'token-bucket', limit: 20, period: 1000, burst: 10 } as const
export const LOG = { algorithm: 'sliding-log', limit: 10, period: 500 } as const
export const SLOTS = 2
/** Their names decide on which node of a cluster their state is: each policy has some on the node that is lost. */
const LIMITS: readonly Rule<string>[] = [
  { name: 'requests', limit: BUCKET },
  { name: 'requests-2', limit: LOG },
  { name: 'concurrent', concurrent: SLOTS, lease: 5000 },
]
/** How long a slot is held. */
const HOLD = 80

/** Processes that share limits, and what they do without their store. 500 requests a second by all of them together. */
const GROUPS = [
  { policy: 'local', peers: 2, rate: 150 },
  { policy: 'closed', peers: 1, rate: 100 },
  { policy: 'open', peers: 1, rate: 100 },
] as const

export interface LoggedAdmission {
  /** Which of the limits let it in. */
  readonly kind: number
  readonly source: 'store' | 'local' | 'open'
  /** When it was decided: by the store's clock, or by the machine's. */
  readonly at: number
  /** While it had its slot at least, by the machine's clock. */
  readonly heldFrom: number
  readonly heldUntil: number
}

/** What a token bucket let in and was given back, because the store was too late to say so; times by the store's clock. */
export interface LateAdmission extends GivenBack {
  readonly at: number
}

/** What a process says of its load. Times in milliseconds, memory in bytes. */
export interface LoadReport {
  readonly log: readonly LoggedAdmission[]
  /** What is not in the log, since it was decided without the store meanwhile. */
  readonly givenBack: readonly LateAdmission[]
  readonly requestsPerSecond: number
  readonly count: Readonly<
    Record<'calls' | 'refused' | 'degraded' | 'unavailable' | 'overdue' | 'errors' | 'storeDecisions', number>
  >
  /** Once everything was released. */
  readonly slots: { readonly free: number }
  readonly most: Readonly<
    Record<
      'milliseconds' | 'ofBareTimer' | 'unanswered' | 'unansweredLeft' | 'sockets' | 'socketsLeft',
      number
    >
  >
  readonly memory: Readonly<Record<'before' | 'atEnd' | 'after', number>>
  /** That the store was lost (`open`) and found again, in the order in which it was told. */
  readonly changes: readonly ('open' | 'closed')[]
  /** Errors that the server answered with, and that were not mended. */
  readonly replies: readonly string[]
  /** When the store had decided again for each limit, from its return on, and whether that was in time. */
  readonly back: { readonly after: number; readonly inTime: boolean }
  /** That no connection is left once the store is closed. */
  readonly isClosed: boolean
  readonly stats: FailureStats
  readonly error: string
}

/** What the processes of one policy say. */
export interface GroupReport {
  readonly policy: FailurePolicyName
  readonly peers: number
  readonly reports: readonly LoadReport[]
}

/** 500 requests a second by four processes under three policies, from a second before the fault until a while after it. */
export async function underLoad(
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
  const crew = await Crew.start<LoadReport>(new URL('../workers/under-load.js', import.meta.url), options)
  try {
    const answers = crew.ask({})
    await Promise.race([answers, pause(BEFORE_FAULT)])
    crew.tell('fault')
    await Promise.race([answers, fault()])
    crew.tell('returned')
    const reports = await answers
    return GROUPS.map(({ policy, peers }) => ({
      policy,
      peers,
      reports: reports.filter((_, index) => processes[index]?.policy === policy),
    }))
  } finally {
    await crew.stop()
  }
}
