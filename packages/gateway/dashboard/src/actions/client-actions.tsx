import { useState } from 'preact/hooks'
import type { AdminApi } from '../api/admin-api.js'
import { BlockDialog } from './act-dialogs.js'

/** The buttons for one client. */
export function ClientActions({
  api,
  client,
  canAct,
  onRefusals,
  onDone,
}: {
  readonly api: AdminApi
  /** The label of the client: `client ID`, or an address. */
  readonly client: string
  readonly canAct: boolean
  /** Shows the refusals of the client. */
  readonly onRefusals: (client: string) => void
  /** Called with a description of a completed change. */
  readonly onDone: (done: string) => void
}) {
  const [isBlocking, setIsBlocking] = useState(false)
  const close = () => setIsBlocking(false)
  return (
    <div class="client-actions">
      <button type="button" onClick={() => onRefusals(client)}>
        Show refusals
      </button>
      {canAct && (
        <button type="button" onClick={() => setIsBlocking(true)}>
          Block
        </button>
      )}
      {isBlocking && (
        <BlockDialog
          api={api}
          label={client}
          onClose={close}
          onDone={(done) => {
            close()
            onDone(done)
          }}
        />
      )}
    </div>
  )
}
