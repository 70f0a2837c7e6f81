import type { SlidingLogState } from '../../algorithms/sliding-log.js'
import { TICKS_PER_MS } from './server-clock.js'

type LogEntries = Pick<SlidingLogState, 'times' | 'sums' | 'head' | 'length'>

/** Maximum length of an encoded entry in characters, including the comma. */
export const MAX_ENTRY_LENGTH = 44

/**
 * Encodes the live entries of a sliding log. Each entry is the number of clock ticks since the
 * previous entry, or since the epoch for the first one, in base 36. `*` and the cost follow unless
 * the cost is 1.
 *
 * Charges in the same tick share an entry, and fully refunded charges have none. A change of the
 * period can result in a time between two ticks, which is rounded up.
 */
export function encodeEntries({ times, sums, head, length }: LogEntries): string {
  const entries: string[] = []
  let lastTick = 0
  let counted = head === 0 ? 0 : (sums[head - 1] ?? 0)
  for (let index = head; index < length; index++) {
    const tick = tickOf(times[index])
    if (index + 1 < length && tickOf(times[index + 1]) === tick) continue
    const sum = sums[index] ?? 0
    const cost = sum - counted
    counted = sum
    if (cost <= 0) continue
    const after = (tick - lastTick).toString(36)
    entries.push(cost === 1 ? after : `${after}*${cost}`)
    lastTick = tick
  }
  return entries.join()
}

/**
 * Decodes the entries of a sliding log.
 *
 * @throws TypeError for a string that `encodeEntries` did not return.
 */
export function decodeEntries(encoded: string): LogEntries {
  const times: number[] = []
  const sums: number[] = []
  let tick = 0
  let sum = 0
  for (const entry of encoded === '' ? [] : encoded.split(',')) {
    const [, after, cost = '1'] = /^(-?[0-9a-z]{1,11})(?:\*([0-9.e+-]+))?$/.exec(entry) ?? []
    tick += Number.parseInt(after ?? '', 36)
    sum += Number(cost)
    if (!Number.isSafeInteger(tick) || !(Number(cost) > 0)) throw new TypeError('invalid log entry')
    times.push(tick / TICKS_PER_MS)
    sums.push(sum)
  }
  return { times, sums, head: 0, length: times.length }
}

function tickOf(time = 0): number {
  return Math.ceil(time * TICKS_PER_MS)
}
