import { formatLimit } from 'sluice'
import type { Engine } from '../engine/engine.js'
import type { RuleTally } from '../tally/rule-tally.js'
import type { Tally } from '../tally/tally.js'
import type { Timeline } from '../tally/timeline.js'
import type { TraceReading } from '../trace/read-trace.js'
import { clientReports, compare } from './client-reports.js'
import type { ReplayReport, RuleReport, TimelineReport } from './report.js'

/** Makes a report of what was counted. @param listed how many clients are listed */
export function reportOf(
  tally: Tally,
  engine: Pick<Engine, 'passedOver'>,
  reading: TraceReading,
  origin: number,
  listed: number,
  notes: readonly string[],
): ReplayReport {
  const { counts, tokens, waits } = tally
  const { requests: played, ...outcomes } = counts
  const rules = tally.rules.all
  return {
    trace: { ...reading, from: tally.from, to: tally.to },
    requests: { played, passedOver: engine.passedOver, ...outcomes },
    tokens,
    rules: rules.map(ruleReport),
    tiers: [...tally.tiers]
      .map(([tier, tierCounts]) => ({ tier: tier === '' ? null : tier, ...tierCounts }))
      .sort((a, b) => compare(a.tier ?? '', b.tier ?? '')),
    ...clientReports(tally, origin, listed),
    waits: waits.total === 0 ? null : { count: waits.total, ...waits.quantiles },
    reasons: [...tally.reasons].map(([why, count]) => ({ why, count })).sort((a, b) => b.count - a.count),
    hours: timelineReport(tally.hours, rules.length),
    timeline: timelineReport(tally.timeline, rules.length),
    notes,
  }
}

function ruleReport(rule: RuleTally): RuleReport {
  const { limit, measured } = rule
  return {
    route: rule.route,
    rule: rule.name,
    resource: rule.resource,
    algorithm: limit.algorithm,
    limit: formatLimit(limit),
    enforced: rule.enforced,
    allowed: rule.allowed,
    refused: rule.refused,
    falselyRefused: measured ? rule.falselyRefused : null,
    fullness: rule.fullness.quantiles,
    mostHeld: measured ? rule.mostHeld : null,
    reserved: rule.taken,
    used: rule.settled,
  }
}

function timelineReport(timeline: Timeline, rules: number): TimelineReport {
  const stretches = [...timeline.all()].map(({ at, stretch: { by, ...counts } }) => ({
    at,
    ...counts,
    refusedBy: Array.from({ length: rules }, (_, rule) => by[rule] ?? 0),
  }))
  return { width: timeline.width, stretches }
}
