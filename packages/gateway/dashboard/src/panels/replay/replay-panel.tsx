import { useEffect, useState } from 'preact/hooks'
import type { RecordStatus } from '../../../../src/server/admin/api/replay-types.js'
import type { AdminApi } from '../../api/admin-api.js'
import { Panel } from '../../components/panel.js'
import { counted, moment, number } from '../../report/report-format.js'
import { NothingRecorded } from './nothing-recorded.js'
import { ReplayForm } from './replay-form.js'
import { Progress } from './replay-progress.js'
import { ReplayResult } from './replay-result.js'
import { useReplay } from './use-replay.js'
import './replay.css'

const MIB = 2 ** 20

/** Replays recorded traffic with the running limits or with new ones. */
export function ReplayPanel({
  api,
  started,
}: {
  readonly api: AdminApi
  /** Start time of the gateway. A restart may turn recording on or off. */
  readonly started: number
}) {
  const [record, setRecord] = useState<RecordStatus>()
  const [failure, setFailure] = useState<string>()
  const { run, begin, stop } = useReplay(api)
  const loadStatus = () =>
    api.record().then(
      (status) => {
        setRecord(status)
        setFailure(undefined)
      },
      (error: Error) => setFailure(error.message),
    )
  // The record grows, so its status is read again after each replay.
  useEffect(() => void loadStatus(), [started, run.state === 'done'])

  return (
    <div class="replay">
      <Panel id="replay" title="Replay" note={record?.recording === true ? recordNote(record) : undefined}>
        {failure !== undefined && <p class="failure">{failure}</p>}
        {record?.recording === false && <NothingRecorded />}
        {record?.recording === true && (
          <ReplayForm key={started} record={record} busy={run.state === 'running'} onReplay={begin} />
        )}
        {run.state === 'running' && <Progress progress={run.progress} onStop={stop} />}
        {run.state === 'failed' && (
          <p class="failure" role="alert">
            {run.reason}
          </p>
        )}
        <p class="visually-hidden" role="status">
          {run.state === 'done' && `Replayed ${counted(run.page.report.requests.played, 'request')}.`}
        </p>
      </Panel>
      {run.state === 'done' && <ReplayResult api={api} page={run.page} />}
    </div>
  )
}

function recordNote({ since, files, bytes }: RecordStatus & { readonly recording: true }): string {
  if (since === null) return 'no requests recorded yet'
  const size = `${counted(files, 'file')}, ${number(bytes / MIB)} MiB`
  return `recorded since ${moment(since)}; ${size}`
}
