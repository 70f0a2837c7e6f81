import type { RuleStatus } from '../../../src/server/admin/api/gateway-status.js'
import { ActionButton } from './action-button.js'
import type { ActionHandler } from './pending-action.js'

/** What may be done with a rule. Each is confirmed in a dialog. */
export function RuleActions({
  route,
  rule: { rule, enforced, limit, overridden },
  propose,
}: {
  readonly route: string
  readonly rule: RuleStatus
  readonly propose: ActionHandler
}) {
  const act = { to: `${rule} on ${route}`, propose }
  return (
    <div class="acts">
      <ActionButton
        {...act}
        text={enforced ? 'Set to shadow' : 'Enforce'}
        proposal={{ act: 'shadow', route, rule, shadow: enforced }}
      />
      <ActionButton {...act} text="Change the limit" proposal={{ act: 'limit', route, rule, limit }} />
      {overridden !== undefined && (
        <ActionButton {...act} text="Undo" proposal={{ act: 'undo', route, rule }} />
      )}
    </div>
  )
}
