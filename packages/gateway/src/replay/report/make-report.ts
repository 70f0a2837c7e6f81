import { formatLimit } from 'sluice'
import { MAX_CLIENTS, OTHERS } from '../stats/client-stats.js'
import type { ReplayStats } from '../stats/replay-stats.js'
import { MAX_KEYS, MAX_REMEMBERED, type RuleStats } from '../stats/rule-stats.js'
import type { Timeline } from '../stats/timeline.js'
import type { TraceReading } from '../trace/trace.js'
import { clientReports, compare } from './client-reports.js'
import type { ReplayReport, RuleReport, TimelineReport } from './report.js'

const UNIT_NAMES = { s: 'seconds', ms: 'milliseconds', us: 'microseconds', ns: 'nanoseconds' } as const

const YEAR = 365 * 86_400_000

/** How times without a unit were read: a wrong guess makes every rate wrong, by a factor of a thousand or more. */
function timeNotes({ timeUnit }: TraceReading, { from, to }: Pick<ReplayStats, 'from' | 'to'>): string[] {
  if (timeUnit === null) return []
  const read = `Times that are plain numbers were read as ${UNIT_NAMES[timeUnit]}.`
  const years = Math.floor((to - from) / YEAR)
  if (years < 1) return [read]
  return [
    `${read} The trace then spans ${years.toLocaleString('en')} ${years === 1 ? 'year' : 'years'}. If that is wrong, give the unit of the column, as in --columns time=NAME:us.`,
  ]
}

/** Makes a report of what was counted. @param listed how many clients are listed */
export function reportOf(
  tally: ReplayStats,
  passedOver: number,
  reading: TraceReading,
  origin: number,
  listed: number,
  notes: readonly string[],
): ReplayReport {
  const { counts, tokens, waits } = tally
  const { requests: played, ...outcomes } = counts
  const { rules } = tally
  return {
    trace: { ...reading, from: tally.from, to: tally.to },
    requests: { played, passedOver, ...outcomes },
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
    notes: [...timeNotes(reading, tally), ...notes, ...boundsOf(tally)],
  }
}

/** What was left out, since there was too much of it. */
function boundsOf({ rules, clients }: ReplayStats): string[] {
  const notes: string[] = []
  if (rules.some(({ measured, limit }) => !measured && !('align' in limit)))
    notes.push(
      `False refusals of some rules were not measured: there were more than ${MAX_KEYS} keys, or more than ${MAX_REMEMBERED} requests within their periods.`,
    )
  if (clients.requests(OTHERS) > 0)
    notes.push(`More than ${MAX_CLIENTS} clients: those that came later were counted together.`)
  return notes
}

function ruleReport(rule: RuleStats): RuleReport {
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
