import type { Taken } from '../../algorithms/verdict.js'
import type { Charge } from '../store.js'
import type { ScriptResult } from './script-result.js'

/** The numbers that identify the operations in the script. */
export const OPERATION = {
  take: 1,
  peek: 2,
  settle: 3,
  reset: 4,
  takeWithPenalties: 5,
  peekWithPenalties: 6,
} as const

/** One operation for the script, and the callbacks for its result. */
export type Job = (DecideJob | SettleJob | ResetJob) & {
  /** Number of times that the script rejected the job because of an outdated calendar window. */
  attempts: number
  /** Receives one result per charge for a take or peek, else an empty array. */
  readonly resolve: (results: readonly ScriptResult[]) => void
  readonly reject: (error: unknown) => void
}

interface DecideJob {
  readonly operation: DecideOperation
  readonly charges: readonly Charge[]
}

export type DecideOperation = 'take' | 'peek' | PenaltyOperation

/** Decides charges of which at least one has a penalty. */
type PenaltyOperation = 'takeWithPenalties' | 'peekWithPenalties'

/** Reports whether the charges of a job may have penalties. */
export function hasPenalties(operation: keyof typeof OPERATION): operation is PenaltyOperation {
  return operation === 'takeWithPenalties' || operation === 'peekWithPenalties'
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
