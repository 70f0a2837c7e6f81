import type { AdminAction } from '../../../src/server/admin/api/admin-actions.js'

/** An act that somebody is asked to confirm, with what is shown of it. */
export type PendingAction =
  | Extract<AdminAction, { act: 'shadow' | 'undo' }>
  /** `limit`: as it is now, which the dialog changes. */
  | Extract<AdminAction, { act: 'limit' }>
  /** `shown`: the key as people see it. */
  | (Extract<AdminAction, { act: 'reset' }> & { readonly shown: string })

export type ActionHandler = (proposal: PendingAction) => void

export interface ActionText {
  readonly title: string
  readonly consequence: string
  readonly button: string
}

const UNTIL = 'until it is undone or the gateway restarts'

/** What confirming it means, in plain words. */
export function actionText(proposal: PendingAction): ActionText {
  switch (proposal.act) {
    case 'shadow':
      return proposal.shadow
        ? {
            title: 'Set the rule to shadow?',
            consequence: `It will be decided and counted as before, but refuse nobody, ${UNTIL}.`,
            button: 'Set to shadow',
          }
        : {
            title: 'Enforce the rule?',
            consequence: `From the next request on it will refuse what is over its limit, ${UNTIL}.`,
            button: 'Enforce it',
          }
    case 'limit':
      return {
        title: 'Change the limit?',
        consequence: `What clients have used stays used. The new limit holds ${UNTIL}.`,
        button: 'Change the limit',
      }
    case 'reset':
      return {
        title: `Reset ${proposal.shown}?`,
        consequence: 'What this client has used is forgotten: it has its whole limit again.',
        button: 'Reset the client',
      }
    case 'undo':
      return {
        title: 'Back to the file?',
        consequence: 'The rule will be what the configuration file says, from the next request on.',
        button: 'Undo the change',
      }
  }
}
