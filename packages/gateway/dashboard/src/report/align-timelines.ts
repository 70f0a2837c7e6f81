import type { TimelineReport } from '../../../src/replay/report/report.js'

/** The same of two policies in one stretch of time. */
export interface Pair {
  /** Epoch milliseconds at which it begins. */
  readonly at: number
  readonly one: number
  readonly other: number
}

type Value = (stretch: TimelineReport['stretches'][number]) => number

/**
 * Sets two courses side by side, in stretches as long as the longer ones of the two: where one replay ended later, as for requests that waited,
 * its stretches may be twice as long, or more of them.
 */
export function alignTimelines(
  one: TimelineReport,
  other: TimelineReport,
  value: Value,
): { readonly width: number; readonly pairs: readonly Pair[] } {
  const width = Math.max(one.width, other.width)
  const pairs = new Map<number, { at: number; one: number; other: number }>()
  for (const [side, { stretches }] of [
    ['one', one],
    ['other', other],
  ] as const)
    for (const stretch of stretches) {
      const at = Math.floor(stretch.at / width) * width
      const pair = pairs.get(at) ?? { at, one: 0, other: 0 }
      pair[side] += value(stretch)
      pairs.set(at, pair)
    }
  return { width, pairs: [...pairs.values()].sort((a, b) => a.at - b.at) }
}
