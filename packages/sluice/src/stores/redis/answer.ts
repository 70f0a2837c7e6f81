import { StoreRequestError } from '../store-request-error.js'
import { Finding } from './finding.js'
import type { Job } from './job.js'

/** What became of a job. `window`: a calendar window was not the one of the server's now, and nothing was done. */
type Outcome = Finding[] | 'window' | Error

/** What the script said: the time, and what became of each job. */
export interface Answer {
  readonly at: number
  readonly outcomes: readonly Outcome[]
}

/** Bytes that say the time. */
const TIME = 8
const DONE = 1
const WINDOW = 2

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
    if (what !== DONE)
      return new StoreRequestError(String(faults[failed++] ?? 'the script gave no answer to this'))
    if (job.operation !== 'take' && job.operation !== 'peek') return []
    return job.charges.map(({ limit }) => {
      const finding = new Finding(limit, at, bytes, place)
      place += Finding.sizeOf(limit)
      return finding
    })
  })
  if (place !== bytes.length)
    throw new Error(`the script gave no answer to these jobs: ${bytes.length} bytes, not ${place}`)
  return { at, outcomes }
}
