import { useEffect, useState } from 'preact/hooks'
import type { RecordStatus } from '../../../../src/server/admin/api/replay-types.js'
import type { AdminApi } from '../../api/admin-api.js'
import { Panel } from '../../components/panel.js'
import { moment, number } from '../../report/report-format.js'
import { NothingRecorded } from './nothing-recorded.js'
import { ReplayForm } from './replay-form.js'
import { Progress } from './replay-progress.js'
import { Result } from './replay-result.js'
import { useReplay } from './use-replay.js'
import './replay.css'

const MIB = 2 ** 20

/** What these limits, or others, would have done to what was recorded. */
export function Replay({
  api,
  started,
}: {
  readonly api: AdminApi
  /** When the gateway was started: another one may record something else. */
  readonly started: number
}) {
  const [record, setRecord] = useState<RecordStatus>()
  const [failure, setFailure] = useState<string>()
  const { run, begin, stop } = useReplay(api)
  const look = () =>
    api.record().then(
      (status) => {
        setRecord(status)
        setFailure(undefined)
      },
      (error: Error) => setFailure(error.message),
    )
  // What there is grows: it is looked at again once a replay has ended.
  useEffect(() => void look(), [started, run.state === 'done'])

  return (
    <div class="replay">
      <Panel id="replay" title="Replay" note={record?.recording === true ? whatThereIs(record) : undefined}>
        {failure !== undefined && <p class="failure">{failure}</p>}
        {record?.recording === false && <NothingRecorded />}
        {record?.recording === true && (
          <ReplayForm key={started} record={record} busy={run.state === 'running'} onAsk={begin} />
        )}
        {run.state === 'running' && <Progress progress={run.progress} onStop={stop} />}
        {run.state === 'failed' && (
          <p class="failure" role="alert">
            {run.reason}
          </p>
        )}
        <p class="visually-hidden" role="status">
          {run.state === 'done' && `ReportView ${number(run.page.report.requests.played)} requests.`}
        </p>
      </Panel>
      {run.state === 'done' && <Result api={api} page={run.page} />}
    </div>
  )
}

function whatThereIs({ since, files, bytes }: RecordStatus & { readonly recording: true }): string {
  if (since === null) return 'nothing was recorded yet'
  const size = `${number(files)} ${files === 1 ? 'file' : 'files'}, ${number(bytes / MIB)} MiB`
  return `recorded since ${moment(since)}; ${size}`
}
