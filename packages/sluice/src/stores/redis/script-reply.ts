import { StoreRequestError } from '../store-request-error.js'
import { hasPenalties, type Job } from './script-job.js'
import { ScriptResult } from './script-result.js'

/** The outcome of a job. `window`: nothing was done, because its calendar window was outdated. */
type JobOutcome = ScriptResult[] | 'window' | Error

/** The script's reply: the server's time, and the outcome of each job. */
export interface ScriptReply {
  readonly at: number
  readonly outcomes: readonly JobOutcome[]
}

/** Size of the time in bytes. */
const TIME_SIZE = 8
const DONE = 1
const WINDOW = 2
/**
 * The job is done, and one rate per charge follows the results: the faster drain rate of its
 * bucket, or 0.
 */
const DONE_WITH_RATES = 4
/** Size of a rate, and of the time until a penalty ends. */
const NUMBER_SIZE = 8

/**
 * Parses the reply to a call.
 *
 * @throws Error if it is not a reply to these jobs. A reply of the wrong length is rejected as a
 *   whole, because none of its outcomes is reliable.
 */
export function parseReply(reply: unknown, jobs: readonly Job[]): ScriptReply {
  const [bytes, ...errors] = Array.isArray(reply) ? reply : []
  if (!Buffer.isBuffer(bytes) || bytes.length < TIME_SIZE)
    throw new Error('the script returned an invalid reply')
  const at = bytes.readDoubleBE(0)
  let offset = TIME_SIZE
  let failed = 0
  const outcomes = jobs.map((job): JobOutcome => {
    const status = bytes[offset++]
    if (status === WINDOW) return 'window'
    if (status !== DONE && status !== DONE_WITH_RATES)
      return new StoreRequestError(String(errors[failed++] ?? 'the script returned no result for the job'))
    if (job.operation === 'settle' || job.operation === 'reset') return []
    const numbersSize = NUMBER_SIZE * job.charges.length
    const rates = job.charges.reduce((end, { limit }) => end + ScriptResult.sizeOf(limit), offset)
    const penalties = status === DONE_WITH_RATES ? rates + numbersSize : rates
    const end = hasPenalties(job.operation) ? penalties + numbersSize : penalties
    const isComplete = end <= bytes.length
    const results = job.charges.map(({ limit }, index) => {
      const fasterRate = isComplete && penalties > rates ? bytes.readDoubleBE(rates + NUMBER_SIZE * index) : 0
      const penaltyLeft =
        isComplete && end > penalties ? bytes.readDoubleBE(penalties + NUMBER_SIZE * index) : 0
      const result = new ScriptResult(limit, at, bytes, offset, fasterRate, penaltyLeft)
      offset += ScriptResult.sizeOf(limit)
      return result
    })
    offset = end
    return results
  })
  if (offset !== bytes.length)
    throw new Error(`the script returned an invalid reply: ${bytes.length} bytes, expected ${offset}`)
  return { at, outcomes }
}
