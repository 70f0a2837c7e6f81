import { useState } from 'preact/hooks'
import type { ListedAct } from '../../../src/server/admin/api/admin-actions.js'
import type { AdminApi } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { moment } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { type Column, Table } from '../components/table.js'
import { BlockDialog, OverrideDialog, UndoDialog } from './act-dialogs.js'

const POLL_INTERVAL_MS = 2000

/** Lists the acts in effect, and offers new ones. */
export function ActsPanel({
  api,
  canAct,
  onDone,
}: {
  readonly api: AdminApi
  /** True if a token allows acts. */
  readonly canAct: boolean
  /** Called with a description of a completed change. */
  readonly onDone: (done: string) => void
}) {
  const [open, setOpen] = useState<'block' | 'override' | ListedAct>()
  const [changes, setChanges] = useState(0)
  const { result, failure } = usePolling(String(changes), () => api.acts(), POLL_INTERVAL_MS)
  const problem = failure?.message ?? result?.failure
  const dialog = {
    api,
    onClose: () => setOpen(undefined),
    onDone: (done: string) => {
      setOpen(undefined)
      setChanges(changes + 1)
      onDone(done)
    },
  }
  return (
    <Panel id="acts" title="Acts in effect" note="blocks, overrides and changed rules">
      {canAct && (
        <div class="actions">
          <button type="button" onClick={() => setOpen('block')}>
            Block
          </button>
          <button type="button" onClick={() => setOpen('override')}>
            Change a client's limits
          </button>
        </div>
      )}
      {problem !== undefined && <p class="failure">The list may be out of date: {problem}</p>}
      {result !== undefined && result.acts.length === 0 && (
        <Empty>No client is blocked, and all rules are as in the configuration file.</Empty>
      )}
      {result !== undefined && result.acts.length > 0 && (
        <Table<ListedAct>
          caption="acts in effect"
          rows={result.acts}
          keyOf={({ id }) => id}
          columns={[...COLUMNS, ...(canAct ? [undoColumn(setOpen)] : [])]}
        />
      )}
      {open === 'block' && <BlockDialog {...dialog} />}
      {open === 'override' && <OverrideDialog {...dialog} />}
      {typeof open === 'object' && <UndoDialog {...dialog} act={open} />}
    </Panel>
  )
}

const COLUMNS: readonly Column<ListedAct>[] = [
  {
    title: 'Act',
    help: 'The change, on every gateway that shares the store.',
    cell: ({ change, problem }) => (
      <>
        <span class="name">{change}</span>
        {problem !== undefined && <span class="of quiet">no effect on this gateway: {problem}</span>}
      </>
    ),
  },
  {
    title: 'Who and why',
    help: 'The name of the admin token, and the reason that its holder gave.',
    cell: ({ by, reason }) => (
      <>
        <span class="name">{by}</span>
        <span class="of quiet">{reason}</span>
      </>
    ),
  },
  { title: 'Since', help: 'When the act began.', wideOnly: true, cell: ({ at }) => moment(at) },
  {
    title: 'Ends',
    help: 'When the act ends by itself.',
    cell: ({ until }) => (until === undefined ? 'when undone' : moment(until)),
  },
]

function undoColumn(onUndo: (act: ListedAct) => void): Column<ListedAct> {
  return {
    title: 'Action',
    help: 'Undo ends the act now.',
    kind: 'number',
    cell: (act) => (
      <button type="button" aria-label={`Undo: ${act.change}`} onClick={() => onUndo(act)}>
        Undo
      </button>
    ),
  }
}
