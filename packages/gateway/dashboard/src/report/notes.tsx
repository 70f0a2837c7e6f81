import type { ReplayReport } from '../../../src/replay/report/report.js'
import { Panel } from '../components/panel.js'
import { counted } from './report-format.js'

/** Lists assumptions, skipped requests and unreadable lines. */
export function Notes({ report }: { readonly report: ReplayReport }) {
  const { bad, late } = report.trace
  const lines = [
    ...report.notes,
    ...(bad.count > 0 ? [`${counted(bad.count, 'line')} could not be read.`] : []),
    ...bad.first.map(({ line, problem }) => `Line ${line}: ${problem}.`),
    ...(late > 0
      ? [`${counted(late, 'request')} ${late === 1 ? 'was' : 'were'} out of order and replayed late.`]
      : []),
    ...report.reasons.map(({ why, count }) => `${counted(count, 'request')}: ${why}.`),
  ]
  if (lines.length === 0) return null
  return (
    <Panel id="notes" title="Notes">
      <ul class="notes">
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </Panel>
  )
}
