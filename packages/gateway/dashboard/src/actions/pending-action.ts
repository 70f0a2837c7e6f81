import type { ActionChange } from '../../../src/server/admin/api/admin-actions.js'

/** An action that has not been confirmed yet. */
export type PendingAction =
  | Extract<ActionChange, { act: 'shadow' }>
  | Extract<ActionChange, { act: 'undo'; rule: string }>
  /** `limit`: the current limit, which is the initial value of the input. */
  | Extract<ActionChange, { act: 'limit' }>
  /** `shown`: the display form of the key. */
  | (Extract<ActionChange, { act: 'reset' }> & { readonly shown: string })

export type ActionHandler = (pending: PendingAction) => void

export interface ActionText {
  readonly title: string
  readonly consequence: string
  readonly button: string
}

const UNTIL = 'until you undo the change'

/** Returns the title, the explanation and the button label of the confirmation dialog. */
export function actionText(pending: PendingAction): ActionText {
  switch (pending.act) {
    case 'shadow':
      return pending.shadow
        ? {
            title: 'Switch the rule to shadow?',
            consequence: `The rule keeps deciding and counting, but refuses no requests ${UNTIL}.`,
            button: 'Switch to shadow',
          }
        : {
            title: 'Enforce the rule?',
            consequence: `The rule refuses requests over its limit from now on, ${UNTIL}.`,
            button: 'Enforce',
          }
    case 'limit':
      return {
        title: 'Change the limit?',
        consequence: `Usage so far still counts. The new limit applies ${UNTIL}.`,
        button: 'Change limit',
      }
    case 'reset':
      return {
        title: `Reset ${pending.shown}?`,
        consequence: 'The usage of this client under this rule is set to zero.',
        button: 'Reset client',
      }
    case 'undo':
      return {
        title: 'Undo the override?',
        consequence: 'The settings of the configuration file apply again from the next request.',
        button: 'Undo override',
      }
  }
}
