import { useState } from 'preact/hooks'
import type { AdminAction } from '../../../src/server/admin/api/admin-actions.js'
import { type AdminApi, AdminError } from '../api/admin-api.js'
import { Dialog } from '../components/dialog.js'
import { actionText, type PendingAction } from './pending-action.js'

/** Has an act confirmed, and the admin token given where the page has none. */
export function ActionDialog({
  api,
  proposal,
  onDone,
  onClose,
}: {
  readonly api: AdminApi
  readonly proposal: PendingAction
  /** With what was done, in words. */
  readonly onDone: (done: string) => void
  readonly onClose: () => void
}) {
  const { title, consequence, button } = actionText(proposal)
  const [limit, setLimit] = useState(proposal.act === 'limit' ? proposal.limit : '')
  const [token, setToken] = useState('')
  const [wantsToken, setWantsToken] = useState(!api.hasToken)
  const [failure, setFailure] = useState<string>()
  const [busy, setBusy] = useState(false)

  async function act() {
    setBusy(true)
    setFailure(undefined)
    if (token !== '') api.setToken(token)
    try {
      onDone(await api.act(actOf(proposal, limit)))
    } catch (error) {
      if (error instanceof AdminError && error.status === 401) {
        api.setToken(undefined)
        setWantsToken(true)
      }
      setFailure(error instanceof Error ? error.message : String(error))
      setBusy(false)
    }
  }

  return (
    <Dialog title={title} onSubmit={act} onClose={onClose}>
      <p class="name">
        {proposal.rule} on {proposal.route}
      </p>
      <p>{consequence}</p>
      {proposal.act === 'limit' && (
        <label>
          New limit
          <input
            required
            value={limit}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setLimit(event.currentTarget.value)}
          />
        </label>
      )}
      {wantsToken && (
        <label>
          Admin token
          <input
            type="password"
            value={token}
            autocomplete="off"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
      )}
      {failure !== undefined && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" class="main" disabled={busy}>
          {button}
        </button>
      </div>
    </Dialog>
  )
}

function actOf(proposal: PendingAction, limit: string): AdminAction {
  if (proposal.act === 'limit') return { ...proposal, limit: limit.trim() }
  if (proposal.act !== 'reset') return proposal
  const { shown: _, ...act } = proposal
  return act
}
