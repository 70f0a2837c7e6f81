import type { TimelineReport } from '../../../src/replay/report/report.js'

/** The values of two policies in one period. */
export interface Pair {
  /** Start of the period, in epoch milliseconds. */
  readonly at: number
  readonly one: number
  readonly other: number
}

type Value = (stretch: TimelineReport['stretches'][number]) => number

/**
 * Aligns two timelines to the longer of their periods. The periods differ if requests waited in one
 * of the replays, which then ended later.
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
