import type { ComponentChildren } from 'preact'
import type { ActionChange } from '../../../src/server/admin/api/admin-actions.js'
import type { AdminApi } from '../api/admin-api.js'
import { ConfirmForm } from './confirm-form.js'

/** A dialog that performs an action. */
export function ActionForm({
  change,
  onDone,
  ...props
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
  const perform = async (reason: string) => onDone(await props.api.perform({ ...change(), reason }))
  return <ConfirmForm {...props} perform={perform} />
}
