import { useState } from 'preact/hooks'
import type { ReportPage } from '../../../../src/replay/html/fill-template.js'
import { fillTemplate } from '../../../../src/replay/html/fill-template.js'
import type { AdminApi } from '../../api/admin-api.js'
import { saveAs } from '../../components/save-as.js'
import { counted, moment } from '../../report/report-format.js'
import { ReportView } from '../../report/report-view.js'

/** The report of a replay, which can be saved as an HTML file. */
export function ReplayResult({ api, page }: { readonly api: AdminApi; readonly page: ReportPage }) {
  const [failure, setFailure] = useState<string>()
  const { trace, report, names } = page
  const save = () =>
    api.reportTemplate().then(
      (template) => {
        saveAs('replay.html', 'text/html', fillTemplate(template, page))
        setFailure(undefined)
      },
      (error: Error) => setFailure(error.message),
    )
  return (
    <section class="replayed" aria-labelledby="replayed-title">
      <header>
        <div>
          <h2 id="replayed-title">Replay of {trace}</h2>
          <p class="quiet">
            {counted(report.requests.played, 'request')} from {moment(report.trace.from)} to{' '}
            {moment(report.trace.to)}, replayed with {names.join(' and ')}
          </p>
        </div>
        <button type="button" onClick={save}>
          Save as HTML
        </button>
      </header>
      {failure !== undefined && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      <ReportView {...page} />
    </section>
  )
}
