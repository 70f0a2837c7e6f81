import { useState } from 'preact/hooks'
import type { ReportPage } from '../../../../src/replay/html/fill-template.js'
import { fillTemplate } from '../../../../src/replay/html/fill-template.js'
import type { AdminApi } from '../../api/admin-api.js'
import { moment, number } from '../../report/report-format.js'
import { ReportView } from '../../report/report-view.js'
import { saveAs } from './save-as.js'

/** What a replay came to; to be kept as a page of one file, too. */
export function Result({ api, page }: { readonly api: AdminApi; readonly page: ReportPage }) {
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
            {number(report.requests.played)} requests from {moment(report.trace.from)} to{' '}
            {moment(report.trace.to)}, through {names.join(' and ')}
          </p>
        </div>
        <button type="button" onClick={save}>
          Save as a page
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
