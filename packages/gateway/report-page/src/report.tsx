import { counted, moment } from '../../dashboard/src/report/report-format.js'
import { ReportView } from '../../dashboard/src/report/report-view.js'
import type { ReportPage } from '../../src/replay/html/fill-template.js'

/** The page that shows the report of a replay. */
export function Report({ trace, names, report, ...rest }: ReportPage) {
  return (
    <main>
      <header>
        <h1>Replay of {trace}</h1>
        <p class="quiet">
          {counted(report.requests.played, 'request')} from {moment(report.trace.from)} to{' '}
          {moment(report.trace.to)}, replayed with {names.join(' and ')}
        </p>
      </header>
      <ReportView names={names} report={report} {...rest} />
    </main>
  )
}
