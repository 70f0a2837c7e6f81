import type { ActionHandler, PendingAction } from './pending-action.js'

/** Proposes an act. Its text says which, its name what it is done to as well. */
export function ActionButton({
  text,
  to,
  proposal,
  propose,
}: {
  readonly text: string
  readonly to: string
  readonly proposal: PendingAction
  readonly propose: ActionHandler
}) {
  return (
    <button type="button" aria-label={`${text}: ${to}`} onClick={() => propose(proposal)}>
      {text}
    </button>
  )
}
