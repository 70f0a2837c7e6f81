import type { Sample } from '../../../src/admin/live/live-types.js'

/** How often a rule of a route refused for one reason. */
export interface RefusalCount {
  readonly route: string
  readonly rule: string
  readonly reason: string
  readonly refused: number
}

/** By rule and reason, the most frequent first. Without a route, of all of them. */
export function refusalsIn(samples: readonly Sample[], route: string | undefined): RefusalCount[] {
  const counts = new Map<string, { route: string; rule: string; reason: string; refused: number }>()
  for (const sample of samples)
    for (const { refused, ...kind } of refusalsOf(sample, route)) {
      const key = JSON.stringify([kind.route, kind.rule, kind.reason])
      const count = counts.get(key)
      if (count === undefined) counts.set(key, { ...kind, refused })
      else count.refused += refused
    }
  return [...counts.values()].sort((a, b) => b.refused - a.refused)
}

/** The refusals of one second. */
function* refusalsOf({ routes }: Sample, only: string | undefined): Generator<RefusalCount> {
  for (const [route, { refused, refusals }] of Object.entries(routes)) {
    if (refused === 0 || (only !== undefined && route !== only)) continue
    for (const [rule, reasons] of Object.entries(refusals))
      for (const [reason, refused] of Object.entries(reasons)) yield { route, rule, reason, refused }
  }
}
