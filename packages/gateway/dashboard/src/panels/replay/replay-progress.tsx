import type { ReplayProgress } from '../../../../src/server/admin/api/replay-types.js'
import { counted, number } from '../../report/report-format.js'

/** Shows the progress of a replay. */
export function Progress({
  progress,
  onStop,
}: {
  readonly progress: ReplayProgress | undefined
  readonly onStop: () => void
}) {
  return (
    <div class="progress">
      <progress aria-label="Replay progress" max={1} value={progress?.part} />
      <span>{progress === undefined ? 'Starting…' : progressText(progress)}</span>
      <button type="button" onClick={onStop}>
        Stop
      </button>
    </div>
  )
}

function progressText({ part, requests, rounds }: ReplayProgress): string {
  const pass = `${Math.floor(part * 100)} %, ${counted(requests, 'request')}`
  return rounds === 0 ? pass : `pass ${number(rounds + 1)}: ${pass}`
}
