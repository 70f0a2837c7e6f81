import type { Sample } from '../../../src/server/admin/api/live-samples.js'

/** How often a rule of a route refused for one reason. */
export interface RefusalCount {
  readonly route: string
  readonly rule: string
  readonly reason: string
  readonly refused: number
}

type Counts = Map<string, Map<string, Map<string, number>>>

/** By rule and reason, the most frequent first. Without a route, of all of them. */
export function refusalsIn(samples: readonly Sample[], route: string | undefined): RefusalCount[] {
  const counts: Counts = new Map()
  for (const sample of samples) count(sample, route, counts)
  return [...counts]
    .flatMap(([route, rules]) =>
      [...rules].flatMap(([rule, reasons]) =>
        [...reasons].map(([reason, refused]) => ({ route, rule, reason, refused })),
      ),
    )
    .sort((a, b) => b.refused - a.refused)
}

function count({ routes }: Sample, only: string | undefined, counts: Counts): void {
  for (const route in routes) {
    const traffic = routes[route]
    if (traffic === undefined || traffic.refused === 0 || (only !== undefined && route !== only)) continue
    const rules = within(counts, route)
    for (const rule in traffic.refusals) {
      const reasons = within(rules, rule)
      for (const reason in traffic.refusals[rule])
        reasons.set(reason, (reasons.get(reason) ?? 0) + (traffic.refusals[rule][reason] ?? 0))
    }
  }
}

function within<Inner>(outer: Map<string, Map<string, Inner>>, key: string): Map<string, Inner> {
  let inner = outer.get(key)
  if (inner === undefined) {
    inner = new Map()
    outer.set(key, inner)
  }
  return inner
}
