import type { DurationQuantiles } from '../server/duration-quantiles.js'
import type { ServerReport } from '../server/server-report.js'
import { consoleTable } from './console-table.js'
import { formatLength, formatNumber, formatPercent, fractionOf } from './report-numbers.js'

/** One row of the figures of a server. */
interface ServerFigure {
  readonly title: string
  readonly value: string
}

/** Lists the figures of a server for a table, the same for every report. */
function serverFigures(report: ServerReport): ServerFigure[] {
  const { requests, firstToken, gap, throughput, goodput, waiting } = report
  const { sent, served, abandoned } = requests
  const { firstTokenMs, gapMs } = goodput.target
  return [
    { title: 'served', value: `${formatNumber(served)} of ${formatNumber(sent)} sent` },
    ...(abandoned > 0 ? [{ title: 'left it before the first token', value: formatNumber(abandoned) }] : []),
    { title: 'first token p50 / p90 / p99', value: quantiles(firstToken) },
    { title: 'time per token p50 / p90 / p99', value: quantiles(gap) },
    {
      title: 'throughput',
      value: `${whole(throughput.input + throughput.output)} tokens/s, ${whole(throughput.output)} of them output`,
    },
    {
      title: `output within ${formatLength(firstTokenMs)} and ${formatLength(gapMs)} per token`,
      value: `${whole(goodput.output)} tokens/s (${formatPercent(fractionOf(goodput.answers, served))} of answers)`,
    },
    { title: 'waiting at the gateway, mean', value: formatNumber(waiting.gateway) },
    { title: 'waiting at the server, mean', value: formatNumber(waiting.server) },
    { title: 'preemptions', value: formatNumber(report.preemptions) },
    {
      title: 'service gap max / mean',
      value: `${whole(report.serviceGap.max)} / ${whole(report.serviceGap.mean)} weighted tokens/s`,
    },
    {
      title: 'fairness between clients that wait',
      value: report.shareFairness === null ? '-' : report.shareFairness.toFixed(3),
    },
  ]
}

/**
 * Formats what servers did as a table with a column for each report.
 *
 * @param names names of the configurations, if there are several
 */
export function serverLines(
  reports: readonly (ServerReport | undefined)[],
  names: readonly string[],
): string[] {
  const present = reports.filter((report) => report !== undefined)
  const [first] = present
  if (first === undefined) return []
  const columns = present.map(serverFigures)
  const titles = [...new Set(columns.flatMap((figures) => figures.map(({ title }) => title)))]
  const rows = titles.map((title) => [
    title,
    ...columns.map((figures) => figures.find((figure) => figure.title === title)?.value ?? '0'),
  ])
  return ['', ...consoleTable([`server: ${first.name}`, ...names], rows, 1), ...tenantLines(present)]
}

/** Lists the clients with the most service, if only one policy was replayed. */
function tenantLines(reports: readonly ServerReport[]): string[] {
  const [report, other] = reports
  if (report === undefined || other !== undefined || report.tenants.length < 2) return []
  const total = report.tenants.reduce((sum, { service }) => sum + service, 0)
  const rows = report.tenants.map(({ tenant, requests, served, service, firstToken }) => [
    tenant,
    formatNumber(requests),
    formatNumber(served),
    formatPercent(fractionOf(service, total)),
    quantiles(firstToken),
  ])
  const head = ['client', 'requests', 'served', 'service', 'first token p50 / p90 / p99']
  return ['', '  clients with the most service:', ...consoleTable(head, rows, 1)]
}

function quantiles(durations: DurationQuantiles | null): string {
  if (durations === null) return '-'
  return [durations.p50, durations.p90, durations.p99].map(shortLength).join(' / ')
}

/** Formats a duration in milliseconds or seconds, so that three of them fit into a cell. */
function shortLength(milliseconds: number): string {
  return milliseconds < 100_000 ? formatLength(milliseconds) : `${whole(milliseconds / 1000)} s`
}

function whole(number: number): string {
  return formatNumber(Math.round(number))
}
