import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { ActionChange } from '../../../src/server/admin/api/admin-actions.js'
import { type AdminApi, AdminError } from '../api/admin-api.js'
import { Dialog } from '../components/dialog.js'
import { TextField } from './text-field.js'

/**
 * A dialog that performs an action. It asks for the reason, and for the admin token if the page has
 * none.
 */
export function ActionForm({
  api,
  title,
  button,
  change,
  onDone,
  onClose,
  children,
}: {
  readonly api: AdminApi
  readonly title: string
  /** The label of the button that performs the action. */
  readonly button: string
  /** Returns the action as the fields in `children` describe it. */
  readonly change: () => ActionChange
  /** Called with a description of the completed change. */
  readonly onDone: (done: string) => void
  readonly onClose: () => void
  readonly children: ComponentChildren
}) {
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
      onDone(await api.perform({ ...change(), reason: reason.trim() }))
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
      {children}
      <TextField label="Reason, for the audit log" value={reason} onInput={setReason} maxLength={200} />
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
