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

/** Rules that refuse nobody yet, beside what they would have refused. */
export function ShadowRules({
  status,
  propose,
}: {
  readonly status: Status
  readonly propose: ActionHandler | undefined
}) {
  const rules = useMemo(() => listRules(status.routes).filter(({ rule }) => !rule.enforced), [status])
  return (
    <Panel id="shadow" title="Shadow rules" note="what they would have refused, since the start">
      {rules.length === 0 ? (
        <Empty>
          No rule is in shadow. One with <code>enforce: false</code> is decided and counted but refuses
          nobody: here you would see what it would have done, before you dare to enforce it.
        </Empty>
      ) : (
        <Table<ListedRule>
          caption="shadow rules and what they would have refused"
          rows={rules}
          first={6}
          keyOf={({ route, rule }) => JSON.stringify([route, rule.rule])}
          columns={[
            {
              title: 'Rule',
              cell: ({ route, rule }) => (
                <>
                  <span class="name">{rule.rule}</span>
                  <span class="of quiet">
                    <RouteName route={rule.shared ? 'all routes' : route} />
                  </span>
                </>
              ),
            },
            {
              title: 'Would let in',
              kind: 'number',
              wideOnly: true,
              cell: ({ rule }) => count(rule.allowed),
            },
            { title: 'Would refuse', kind: 'number', cell: ({ rule }) => count(rule.wouldHaveRefused) },
            {
              title: 'Share',
              kind: 'bar',
              cell: ({ rule: { allowed, wouldHaveRefused } }) => (
                <Bar part={wouldHaveRefused / Math.max(allowed + wouldHaveRefused, 1)} colour="shadowed" />
              ),
            },
            ...(propose === undefined ? [] : [enforceColumn(propose)]),
          ]}
        />
      )}
    </Panel>
  )
}

function enforceColumn(propose: ActionHandler): Column<ListedRule> {
  return {
    title: 'AdminAction',
    kind: 'number',
    cell: ({ route, rule: { rule } }) => (
      <ActionButton
        text="Enforce"
        to={`${rule} on ${route}`}
        proposal={{ act: 'shadow', route, rule, shadow: false }}
        propose={propose}
      />
    ),
  }
}
