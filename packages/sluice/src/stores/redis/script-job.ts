import type { Taken } from '../../algorithms/verdict.js'
import type { Charge } from '../store.js'
import type { ScriptResult } from './script-result.js'

/** The numbers by which the script knows the operations. */
export const OPERATION = { take: 1, peek: 2, settle: 3, reset: 4 } as const

/** One operation for the script, and the callbacks for its result. */
export type Job = (DecideJob | SettleJob | ResetJob) & {
  /** Number of times that the script rejected the job for an outdated calendar window. */
  attempts: number
  /** Receives one result per charge of a take or peek, else none. */
  readonly resolve: (results: readonly ScriptResult[]) => void
  readonly reject: (error: unknown) => void
}

interface DecideJob {
  readonly operation: 'take' | 'peek'
  readonly charges: readonly Charge[]
}

interface SettleJob {
  readonly operation: 'settle'
  /** The charges with their actual costs. */
  readonly charges: readonly Charge[]
  /** The original take of each charge. */
  readonly taken: readonly Taken[]
}

interface ResetJob {
  readonly operation: 'reset'
  readonly charges: readonly [Pick<Charge, 'scope' | 'key'>]
}
