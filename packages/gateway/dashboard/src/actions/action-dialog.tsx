import { useState } from 'preact/hooks'
import type { ActionChange } from '../../../src/server/admin/api/admin-actions.js'
import { type AdminApi, AdminError } from '../api/admin-api.js'
import { Dialog } from '../components/dialog.js'
import { ReasonField } from './act-fields.js'
import { actionText, type PendingAction } from './pending-action.js'

/** Asks the operator to confirm an action, and to enter the admin token if the page has none. */
export function ActionDialog({
  api,
  pending,
  onDone,
  onClose,
}: {
  readonly api: AdminApi
  readonly pending: PendingAction
  /** Called with a description of the completed change. */
  readonly onDone: (done: string) => void
  readonly onClose: () => void
}) {
  const { title, consequence, button } = actionText(pending)
  const [limit, setLimit] = useState(pending.act === 'limit' ? pending.limit : '')
  const [reason, setReason] = useState('')
  const [token, setToken] = useState('')
  const [needsToken, setNeedsToken] = useState(!api.hasToken)
  const [failure, setFailure] = useState<string>()
  const [busy, setBusy] = useState(false)

  async function submit() {
    setBusy(true)
    setFailure(undefined)
    if (token !== '') api.setToken(token)
    try {
      onDone(await api.perform({ ...toAction(pending, limit), reason: reason.trim() }))
    } catch (error) {
      if (error instanceof AdminError && error.status === 401) {
        api.setToken(undefined)
        setNeedsToken(true)
      }
      setFailure(error instanceof Error ? error.message : String(error))
      setBusy(false)
    }
  }

  return (
    <Dialog title={title} onSubmit={submit} onClose={onClose}>
      <p class="name">
        {pending.rule} on {pending.route}
      </p>
      <p>{consequence}</p>
      {pending.act === 'limit' && (
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
      <ReasonField value={reason} onInput={setReason} />
      {needsToken && (
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

function toAction(pending: PendingAction, limit: string): ActionChange {
  if (pending.act === 'limit') return { ...pending, limit: limit.trim() }
  if (pending.act !== 'reset') return pending
  const { shown: _, ...action } = pending
  return action
}
