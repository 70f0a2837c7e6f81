import type { Taken } from '../../algorithms/verdict.js'
import type { Charge } from '../store.js'
import type { ScriptResult } from './script-result.js'

/** What the script does for a job, by the number that it knows it by. */
export const OPERATION = { take: 1, peek: 2, settle: 3, reset: 4 } as const

/** What one caller asks of the script, and whom to tell what became of it. */
export type Job = (DecideJob | SettleJob | ResetJob) & {
  /** How often it was sent and came back, because of a calendar window that was not the server's. */
  asked: number
  /** Is told what was found for each charge, where it was to decide. */
  readonly resolve: (findings: readonly ScriptResult[]) => void
  readonly reject: (error: unknown) => void
}

interface DecideJob {
  readonly operation: 'take' | 'peek'
  readonly charges: readonly Charge[]
}

interface SettleJob {
  readonly operation: 'settle'
  /** At their true costs. */
  readonly charges: readonly Charge[]
  /** How each was taken. */
  readonly taken: readonly Taken[]
}

interface ResetJob {
  readonly operation: 'reset'
  readonly charges: readonly [Pick<Charge, 'scope' | 'key'>]
}
