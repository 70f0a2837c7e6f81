import { moment, number } from '../../dashboard/src/report/report-format.js'
import { ReportView } from '../../dashboard/src/report/report-view.js'
import type { ReportPage } from '../../src/replay/html/fill-template.js'

/** What a replay came to, as a page of its own. */
export function Report({ trace, names, report, ...found }: ReportPage) {
  return (
    <main>
      <header>
        <h1>Replay of {trace}</h1>
        <p class="quiet">
          {number(report.requests.played)} requests from {moment(report.trace.from)} to{' '}
          {moment(report.trace.to)}, through {names.join(' and ')}
        </p>
      </header>
      <ReportView names={names} report={report} {...found} />
    </main>
  )
}
