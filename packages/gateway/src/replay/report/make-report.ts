import { formatLimit } from 'sluice'
import { MAX_CLIENTS, OTHERS } from '../stats/client-stats.js'
import type { ReplayStats } from '../stats/replay-stats.js'
import { MAX_KEYS, MAX_REMEMBERED, type RuleStats } from '../stats/rule-stats.js'
import type { Timeline } from '../stats/timeline.js'
import type { TraceReading } from '../trace/trace.js'
import { clientReports, compare } from './client-reports.js'
import type { ReplayReport, RuleReport, TimelineReport } from './report.js'

const UNIT_NAMES = { s: 'seconds', ms: 'milliseconds', us: 'microseconds', ns: 'nanoseconds' } as const

const YEAR_MS = 365 * 86_400_000

/**
 * States the unit assumed for numeric times, since a wrong guess is off by a factor of 1000 or
 * more.
 */
function timeNotes({ timeUnit }: TraceReading, { from, to }: Pick<ReplayStats, 'from' | 'to'>): string[] {
  if (timeUnit === null) return []
  const read = `Numeric times were read as ${UNIT_NAMES[timeUnit]}.`
  const years = Math.floor((to - from) / YEAR_MS)
  if (years < 1) return [read]
  return [
    `${read} The trace then spans ${years.toLocaleString('en')} ${years === 1 ? 'year' : 'years'}. If that is wrong, specify the unit of the column, as in --columns time=NAME:us.`,
  ]
}

/** Builds a report from statistics. @param listed number of clients to list */
export function reportOf(
  stats: ReplayStats,
  passedOver: number,
  reading: TraceReading,
  origin: number,
  listed: number,
  notes: readonly string[],
): ReplayReport {
  const { counts, tokens, waits } = stats
  const { requests: played, ...outcomes } = counts
  const { rules } = stats
  return {
    trace: { ...reading, from: stats.from, to: stats.to },
    requests: { played, passedOver, ...outcomes, ...(stats.exhausted > 0 && { exhausted: stats.exhausted }) },
    tokens,
    rules: rules.map(ruleReport),
    tiers: [...stats.tiers]
      .map(([tier, tierCounts]) => ({ tier: tier === '' ? null : tier, ...tierCounts }))
      .sort((a, b) => compare(a.tier ?? '', b.tier ?? '')),
    ...clientReports(stats, origin, listed),
    waits: waits.total === 0 ? null : { count: waits.total, ...waits.quantiles },
    reasons: [...stats.reasons].map(([why, count]) => ({ why, count })).sort((a, b) => b.count - a.count),
    hours: timelineReport(stats.hours, rules.length),
    timeline: timelineReport(stats.timeline, rules.length),
    notes: [...timeNotes(reading, stats), ...notes, ...boundsOf(stats)],
  }
}

/** Lists the statistics that are incomplete because a bound was reached. */
function boundsOf({ rules, clients }: ReplayStats): string[] {
  const notes: string[] = []
  if (rules.some(({ isMeasured, limit }) => !isMeasured && !('align' in limit)))
    notes.push(
      `False refusals of some rules were not measured: there were more than ${MAX_KEYS} keys, or more than ${MAX_REMEMBERED} requests within their periods.`,
    )
  if (clients.requests(OTHERS) > 0)
    notes.push(`There were more than ${MAX_CLIENTS} clients; the others were counted together.`)
  return notes
}

function ruleReport(rule: RuleStats): RuleReport {
  const { limit, isMeasured, penalized } = rule
  return {
    route: rule.route,
    rule: rule.name,
    resource: rule.resource,
    ...('currency' in limit && limit.currency !== undefined && { currency: limit.currency }),
    algorithm: limit.algorithm,
    limit: formatLimit(limit),
    enforced: rule.enforced,
    allowed: rule.allowed,
    refused: rule.refused,
    ...(rule.softOverruns > 0 && { softOverruns: rule.softOverruns }),
    falselyRefused: isMeasured && !penalized ? rule.falselyRefused : null,
    fullness: rule.fullness.quantiles,
    mostHeld: isMeasured ? rule.mostHeld : null,
    ...(isMeasured && rule.mostOwed > 0 && { mostOwed: rule.mostOwed }),
    reserved: rule.charged,
    used: rule.settled,
  }
}

function timelineReport(timeline: Timeline, rules: number): TimelineReport {
  const stretches = [...timeline.all()].map(({ at, bucket: { by, ...counts } }) => ({
    at,
    ...counts,
    refusedBy: Array.from({ length: rules }, (_, rule) => by[rule] ?? 0),
  }))
  return { width: timeline.width, stretches }
}
