import type { KeyFullness, RuleStatus } from '../../../src/server/admin/api/gateway-status.js'
import { ActionButton } from '../actions/action-button.js'
import type { ActionHandler } from '../actions/pending-action.js'
import { RuleActions } from '../actions/rule-actions.js'
import { Badge } from '../components/badge.js'
import { Bar, usageColour } from '../components/bar.js'
import { count } from '../components/format.js'
import { RouteName, routeName } from '../components/route-name.js'
import { type Column, Table } from '../components/table.js'
import { amountLabel, keyLabel, resourceSuffix, retryLabel } from './labels.js'
import { highestUsage } from './rule-list.js'
import { USED_COLUMN } from './used-column.js'

interface RuleItemProps {
  readonly route: string
  readonly shownRoute: string
  readonly rule: RuleStatus
  /** Undefined if actions are off. */
  readonly onAction: ActionHandler | undefined
  readonly onClient: (client: string) => void
  readonly open: boolean
  readonly onToggle: (open: boolean) => void
}

/** A list item for a rule. It expands to show its actions and the clients nearest to its limit. */
export function RuleItem(props: RuleItemProps) {
  const { shownRoute, rule, open, onToggle } = props
  const nearest = rule.fullness[0]
  return (
    <li>
      <details class="rule" open={open} onToggle={({ currentTarget }) => onToggle(currentTarget.open)}>
        <summary>
          <span class="which">
            <RouteName route={shownRoute} />
            <span class="quiet">
              <span class="name">{rule.rule}</span>
              {rule.limit !== rule.rule && <>, {rule.limit}</>}
              {resourceSuffix(rule.resource)}
              {rule.effective !== rule.limit && <>, now {rule.effective}</>}
            </span>
          </span>
          <span class="nearest" title="The part of the limit that the client nearest to it uses, in percent.">
            <Bar part={highestUsage(rule)} colour={usageColour(highestUsage(rule))} />
            <span class="name quiet">{nearest?.key ?? 'no usage'}</span>
          </span>
          <span class="counts" title="Requests that the rule allowed and refused since the gateway started.">
            {count(rule.allowed)} allowed
            <span class={rule.refused > 0 ? 'refused' : 'quiet'}>
              {rule.enforced
                ? `${count(rule.refused)} refused`
                : `${count(rule.wouldHaveRefused)} would be refused`}
            </span>
          </span>
          <span class="states">
            {rule.enforced ? <Badge tone="good">enforced</Badge> : <Badge tone="shadowed">shadow</Badge>}
            {rule.overridden !== undefined && <Badge tone="warning">overridden</Badge>}
          </span>
        </summary>
        {open && <RuleDetails {...props} />}
      </details>
    </li>
  )
}

function RuleDetails({ route, shownRoute, rule, onAction, onClient }: RuleItemProps) {
  const { overridden } = rule
  return (
    <div class="opened">
      <p class="quiet">
        Counts {rule.resource} {keyLabel(rule.keyedBy)}.{' '}
        {overridden !== undefined && (
          <>
            The override applies until you undo it or the gateway restarts. In the configuration file:{' '}
            {overridden.limit}, {overridden.enforced ? 'enforced' : 'shadow'}.
          </>
        )}
      </p>
      {onAction !== undefined && <RuleActions route={route} rule={rule} onAction={onAction} />}
      {rule.fullness.length === 0 ? (
        <p class="empty">No client has used this limit recently.</p>
      ) : (
        <Table<KeyFullness>
          caption={`clients nearest to the limit of ${rule.rule} on ${routeName(shownRoute)}`}
          rows={rule.fullness}
          keyOf={({ id }) => id}
          columns={[
            {
              title: 'Client',
              help: 'The key that the rule counts by: an address, a client id, or the digest of a secret.',
              cell: ({ key }) => (
                <button type="button" class="link name" onClick={() => onClient(key)}>
                  {key}
                </button>
              ),
            },
            USED_COLUMN,
            {
              title: 'Remaining',
              help: `What the client can use now, in ${rule.resource === 'concurrent' ? 'requests in flight' : rule.resource}.`,
              kind: 'number',
              cell: ({ remaining }) => amountLabel(rule.resource, remaining, rule.effective),
            },
            {
              title: 'Retry',
              help: 'When a request that costs 1 is admitted.',
              kind: 'number',
              cell: ({ retryAfter }) => retryLabel(retryAfter),
            },
            ...(onAction === undefined ? [] : [resetColumn(route, rule.rule, onAction)]),
          ]}
        />
      )}
    </div>
  )
}

function resetColumn(route: string, rule: string, onAction: ActionHandler): Column<KeyFullness> {
  return {
    title: 'Action',
    help: 'Reset sets the usage of the client under this rule to zero.',
    kind: 'number',
    cell: ({ key, id }) => (
      <ActionButton
        text="Reset"
        target={`${key} in ${rule} on ${route}`}
        pending={{ act: 'reset', route, rule, key: id, shown: key }}
        onAction={onAction}
      />
    ),
  }
}
