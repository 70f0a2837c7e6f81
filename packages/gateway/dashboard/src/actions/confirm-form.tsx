import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { type AdminApi, AdminError } from '../api/admin-api.js'
import { Dialog } from '../components/dialog.js'
import { TextField } from './text-field.js'

/**
 * A dialog that makes a change. It asks for the reason, and for the admin token if the page has
 * none.
 */
export function ConfirmForm({
  api,
  title,
  button,
  perform,
  onClose,
  children,
}: {
  readonly api: AdminApi
  readonly title: string
  /** The label of the button that makes the change. */
  readonly button: string
  /** Makes the change that the fields in `children` describe. */
  readonly perform: (reason: string) => Promise<void>
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
      await perform(reason.trim())
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
