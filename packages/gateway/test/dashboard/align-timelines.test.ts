import fc from 'fast-check'
import { expect, it } from 'vitest'
import { alignTimelines } from '../../dashboard/src/report/align-timelines.js'
import type { TimelineReport } from '../../src/replay/report/report.js'

/** Consecutive stretches that start at a multiple of their width. */
const timeline = fc
  .record({
    doublings: fc.nat(3),
    first: fc.nat(20),
    refused: fc.array(fc.nat(100), { maxLength: 30 }),
  })
  .map(({ doublings, first, refused }): TimelineReport => {
    const width = 1000 * 2 ** doublings
    const none = { requests: 0, allowed: 0, falselyRefused: 0, tokens: 0, refusedBy: [] }
    return {
      width,
      stretches: refused.map((each, index) => ({ ...none, at: (first + index) * width, refused: each })),
    }
  })

it('alignTimelines uses the longer period of the two timelines and keeps all counts', () => {
  fc.assert(
    fc.property(timeline, timeline, (one, other) => {
      const { width, pairs } = alignTimelines(one, other, ({ refused }) => refused)
      expect(width).toBe(Math.max(one.width, other.width))
      const sumWithin = ({ stretches }: TimelineReport, at: number) =>
        stretches
          .filter((each) => each.at >= at && each.at < at + width)
          .reduce((sum, { refused }) => sum + refused, 0)
      for (const pair of pairs)
        expect(pair).toEqual({ at: pair.at, one: sumWithin(one, pair.at), other: sumWithin(other, pair.at) })
      const starts = [one, other].flatMap(({ stretches }) =>
        stretches.map(({ at }) => Math.floor(at / width) * width),
      )
      expect(pairs.map(({ at }) => at)).toEqual([...new Set(starts)].sort((a, b) => a - b))
    }),
    { seed: 6 },
  )
})
