import type { RuleStatus } from '../../../src/admin/live/live-types.js'
import type { Propose } from './proposal.js'

/** What may be done with a rule. Each is confirmed in a dialog. */
export function RuleActs({
  route,
  rule: { rule, enforced, limit, overridden },
  propose,
}: {
  readonly route: string
  readonly rule: RuleStatus
  readonly propose: Propose
}) {
  const of = `: ${rule} on ${route}`
  return (
    <div class="acts">
      <button type="button" onClick={() => propose({ act: 'shadow', route, rule, shadow: enforced })}>
        {enforced ? 'Set to shadow' : 'Enforce'}
        <span class="unseen">{of}</span>
      </button>
      <button type="button" onClick={() => propose({ act: 'limit', route, rule, limit })}>
        Change the limit<span class="unseen">{of}</span>
      </button>
      {overridden !== undefined && (
        <button type="button" onClick={() => propose({ act: 'undo', route, rule })}>
          Undo<span class="unseen">{of}</span>
        </button>
      )}
    </div>
  )
}
