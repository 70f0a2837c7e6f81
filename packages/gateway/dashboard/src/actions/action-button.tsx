import type { ActionHandler, PendingAction } from './pending-action.js'

/**
 * A button that opens the confirmation dialog of an action. Its accessible name includes the
 * target.
 */
export function ActionButton({
  text,
  target,
  pending,
  onAction,
}: {
  readonly text: string
  readonly target: string
  readonly pending: PendingAction
  readonly onAction: ActionHandler
}) {
  return (
    <button type="button" aria-label={`${text}: ${target}`} onClick={() => onAction(pending)}>
      {text}
    </button>
  )
}
