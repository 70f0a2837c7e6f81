import type { Proposal, Propose } from './pending-action.js'

/** Proposes an act. Its text says which, its name what it is done to as well. */
export function ActButton({
  text,
  to,
  proposal,
  propose,
}: {
  readonly text: string
  readonly to: string
  readonly proposal: Proposal
  readonly propose: Propose
}) {
  return (
    <button type="button" aria-label={`${text}: ${to}`} onClick={() => propose(proposal)}>
      {text}
    </button>
  )
}
