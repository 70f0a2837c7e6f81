import type { SlidingLogState } from '../../algorithms/sliding-log.js'
import { TICKS_PER_MS } from './server-clock.js'

type EntryPool = Pick<SlidingLogState, 'times' | 'sums' | 'head' | 'length'>

/** Most characters that one entry may need, the comma included. */
export const MAX_ENTRY = 44

/**
 * The entries of a sliding log that still count, as text: for each, how many ticks of the clock it came after the
 * one before (the first: after the epoch), and `*` with its cost where that is not 1.
 *
 * Charges of the same tick are one entry, and what was given back entirely is none. A time between two ticks, as a
 * change of the period makes them, becomes the later one.
 */
export function entriesText({ times, sums, head, length }: EntryPool): string {
  const texts: string[] = []
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
    texts.push(cost === 1 ? after : `${after}*${cost}`)
    lastTick = tick
  }
  return texts.join()
}

/** @throws TypeError for a text of no entries. */
export function entriesFrom(text: string): EntryPool {
  const times: number[] = []
  const sums: number[] = []
  let tick = 0
  let sum = 0
  for (const entry of text === '' ? [] : text.split(',')) {
    const [, after, cost = '1'] = /^(-?[0-9a-z]{1,11})(?:\*([0-9.e+-]+))?$/.exec(entry) ?? []
    tick += Number.parseInt(after ?? '', 36)
    sum += Number(cost)
    if (!Number.isSafeInteger(tick) || !(Number(cost) > 0)) throw new TypeError('no entry of a log')
    times.push(tick / TICKS_PER_MS)
    sums.push(sum)
  }
  return { times, sums, head: 0, length: times.length }
}

function tickOf(time = 0): number {
  return Math.ceil(time * TICKS_PER_MS)
}
