import { useState } from 'preact/hooks'
import type { ActionChange } from '../../../src/server/admin/api/admin-actions.js'
import type { AdminApi } from '../api/admin-api.js'
import { ActionForm } from './action-form.js'
import { actionText, type PendingAction } from './pending-action.js'
import { TextField } from './text-field.js'

/** Asks the operator to confirm an action on a rule. */
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
  const change = () => toAction(pending, limit)
  return (
    <ActionForm {...{ api, title, button, change, onDone, onClose }}>
      <p class="name">
        {pending.rule} on {pending.route}
      </p>
      <p>{consequence}</p>
      {pending.act === 'limit' && <TextField label="New limit" value={limit} onInput={setLimit} />}
    </ActionForm>
  )
}

function toAction(pending: PendingAction, limit: string): ActionChange {
  if (pending.act === 'limit') return { ...pending, limit: limit.trim() }
  if (pending.act !== 'reset') return pending
  const { shown: _, ...action } = pending
  return action
}
