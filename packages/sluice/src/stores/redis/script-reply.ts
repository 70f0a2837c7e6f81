import { StoreRequestError } from '../store-request-error.js'
import type { Job } from './script-job.js'
import { ScriptResult } from './script-result.js'

/** What became of a job. `window`: a calendar window was not the one of the server's now, and nothing was done. */
type Outcome = ScriptResult[] | 'window' | Error

/** What the script said: the time, and what became of each job. */
export interface Answer {
  readonly at: number
  readonly outcomes: readonly Outcome[]
}

/** Bytes that say the time. */
const TIME = 8
const DONE = 1
const WINDOW = 2
/** Done, and after the charges comes for each how fast its bucket drains, where that is faster than its limit says. */
const DONE_WITH_RATES = 4
const RATE = 8

/**
 * @throws Error where it is no answer of the script to these jobs: one that is shorter or longer than theirs says nothing of any
 *   of them that can be relied on.
 */
export function readAnswer(reply: unknown, jobs: readonly Job[]): Answer {
  const [bytes, ...faults] = Array.isArray(reply) ? reply : []
  if (!Buffer.isBuffer(bytes) || bytes.length < TIME) throw new Error('the script gave no answer')
  const at = bytes.readDoubleBE(0)
  let place = TIME
  let failed = 0
  const outcomes = jobs.map((job): Outcome => {
    const what = bytes[place++]
    if (what === WINDOW) return 'window'
    if (what !== DONE && what !== DONE_WITH_RATES)
      return new StoreRequestError(String(faults[failed++] ?? 'the script gave no answer to this'))
    if (job.operation !== 'take' && job.operation !== 'peek') return []
    let ratePlace = job.charges.reduce((end, { limit }) => end + ScriptResult.sizeOf(limit), place)
    const hasRates = what === DONE_WITH_RATES && ratePlace + RATE * job.charges.length <= bytes.length
    const findings = job.charges.map(({ limit }) => {
      const fasterRate = hasRates ? bytes.readDoubleBE(ratePlace) : 0
      ratePlace += RATE
      const finding = new ScriptResult(limit, at, bytes, place, fasterRate)
      place += ScriptResult.sizeOf(limit)
      return finding
    })
    if (what === DONE_WITH_RATES) place = ratePlace
    return findings
  })
  if (place !== bytes.length)
    throw new Error(`the script gave no answer to these jobs: ${bytes.length} bytes, not ${place}`)
  return { at, outcomes }
}
