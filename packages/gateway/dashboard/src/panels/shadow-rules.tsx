import { useMemo } from 'preact/hooks'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import { ActionButton } from '../actions/action-button.js'
import type { ActionHandler } from '../actions/pending-action.js'
import { Bar } from '../components/bar.js'
import { count } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { RouteName } from '../components/route-name.js'
import { type Column, Table } from '../components/table.js'
import { type ListedRule, listRules } from './rule-list.js'

/** Lists the shadow rules with the number of requests they would have refused. */
export function ShadowRules({
  status,
  onAction,
}: {
  readonly status: Status
  readonly onAction: ActionHandler | undefined
}) {
  const rules = useMemo(() => listRules(status.routes).filter(({ rule }) => !rule.enforced), [status])
  return (
    <Panel id="shadow" title="Shadow rules" note="requests they would have refused since the gateway started">
      {rules.length === 0 ? (
        <Empty>
          No shadow rules. A rule with <code>enforce: false</code> decides and counts but refuses no requests,
          so that you can see its effect before you enforce it.
        </Empty>
      ) : (
        <Table<ListedRule>
          caption="shadow rules and the requests they would have refused"
          rows={rules}
          first={6}
          keyOf={({ route, rule }) => JSON.stringify([route, rule.rule])}
          columns={[
            {
              title: 'Rule',
              help: 'A rule that observes only, and its route.',
              cell: ({ shownRoute, rule }) => (
                <>
                  <span class="name">{rule.rule}</span>
                  <span class="of quiet">
                    <RouteName route={shownRoute} />
                  </span>
                </>
              ),
            },
            {
              title: 'Would allow',
              help: 'Requests that the rule would have allowed.',
              kind: 'number',
              wideOnly: true,
              cell: ({ rule }) => count(rule.allowed),
            },
            {
              title: 'Would refuse',
              help: 'Requests that the rule would have refused.',
              kind: 'number',
              cell: ({ rule }) => count(rule.wouldHaveRefused),
            },
            {
              title: 'Share',
              help: 'The requests that it would have refused, in percent of all that it decided on.',
              kind: 'bar',
              cell: ({ rule: { allowed, wouldHaveRefused } }) => (
                <Bar part={wouldHaveRefused / Math.max(allowed + wouldHaveRefused, 1)} colour="shadowed" />
              ),
            },
            ...(onAction === undefined ? [] : [enforceColumn(onAction)]),
          ]}
        />
      )}
    </Panel>
  )
}

function enforceColumn(onAction: ActionHandler): Column<ListedRule> {
  return {
    title: 'Action',
    help: 'Enforce makes the rule refuse requests.',
    kind: 'number',
    cell: ({ route, rule: { rule } }) => (
      <ActionButton
        text="Enforce"
        target={`${rule} on ${route}`}
        pending={{ act: 'shadow', route, rule, shadow: false }}
        onAction={onAction}
      />
    ),
  }
}
