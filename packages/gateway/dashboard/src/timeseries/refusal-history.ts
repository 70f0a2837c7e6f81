import type { Sample } from '../../../src/server/admin/api/live-samples.js'

/** The refusals of a rule for one reason. */
export interface RefusalCount {
  readonly route: string
  readonly rule: string
  readonly reason: string
  readonly refused: number
}

type Counts = Map<string, Map<string, Map<string, number>>>

/** Counts the refusals of a route, or of all routes, by rule and reason, most frequent first. */
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

function count({ routes }: Sample, filter: string | undefined, counts: Counts): void {
  for (const route in routes) {
    const traffic = routes[route]
    if (traffic === undefined || traffic.refused === 0 || (filter !== undefined && route !== filter)) continue
    const rules = getOrCreate(counts, route)
    for (const rule in traffic.refusals) {
      const reasons = getOrCreate(rules, rule)
      for (const reason in traffic.refusals[rule])
        reasons.set(reason, (reasons.get(reason) ?? 0) + (traffic.refusals[rule][reason] ?? 0))
    }
  }
}

function getOrCreate<Inner>(outer: Map<string, Map<string, Inner>>, key: string): Map<string, Inner> {
  let inner = outer.get(key)
  if (inner === undefined) {
    inner = new Map()
    outer.set(key, inner)
  }
  return inner
}
