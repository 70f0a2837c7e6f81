import type { ReplayProgress } from '../../../../src/server/admin/api/replay-types.js'
import { number } from '../../report/report-format.js'

/** How far a replay is. */
export function Progress({
  progress,
  onStop,
}: {
  readonly progress: ReplayProgress | undefined
  readonly onStop: () => void
}) {
  return (
    <div class="progress">
      <progress aria-label="How much of the record was played" max={1} value={progress?.part} />
      <span>{progress === undefined ? 'It begins.' : textOf(progress)}</span>
      <button type="button" onClick={onStop}>
        Stop
      </button>
    </div>
  )
}

function textOf({ part, requests, rounds }: ReplayProgress): string {
  const once = `${Math.floor(part * 100)} %, ${number(requests)} requests`
  return rounds === 0 ? once : `reading ${number(rounds + 1)}: ${once}`
}
