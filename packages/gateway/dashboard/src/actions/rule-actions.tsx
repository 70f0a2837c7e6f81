import type { RuleStatus } from '../../../src/server/admin/api/gateway-status.js'
import { ActionButton } from './action-button.js'
import type { ActionHandler } from './pending-action.js'

/** The buttons for the actions on a rule. Each action must be confirmed in a dialog. */
export function RuleActions({
  route,
  rule: { rule, enforced, limit, overridden },
  onAction,
}: {
  readonly route: string
  readonly rule: RuleStatus
  readonly onAction: ActionHandler
}) {
  const common = { target: `${rule} on ${route}`, onAction }
  return (
    <div class="actions">
      <ActionButton
        {...common}
        text={enforced ? 'Switch to shadow' : 'Enforce'}
        pending={{ act: 'shadow', route, rule, shadow: enforced }}
      />
      <ActionButton {...common} text="Change limit" pending={{ act: 'limit', route, rule, limit }} />
      {overridden !== undefined && (
        <ActionButton {...common} text="Undo" pending={{ act: 'undo', route, rule }} />
      )}
    </div>
  )
}
