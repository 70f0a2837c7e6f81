import type { ComponentChildren } from 'preact'
import type {
  ClientRule,
  ClientState,
  OtherRule,
  OwnLimit,
} from '../../../src/server/admin/api/client-status.js'
import { ActionButton } from '../actions/action-button.js'
import type { ActionHandler } from '../actions/pending-action.js'
import { Badge } from '../components/badge.js'
import { count, moment, wait } from '../components/format.js'
import { RouteName, routeName } from '../components/route-name.js'
import { type Column, Table } from '../components/table.js'
import { amountLabel, keyLabel, resourceSuffix, retryLabel } from './labels.js'
import { USED_COLUMN } from './used-column.js'

/** Lists the rules that apply to a client and have not counted a recent request of it. */
export function OtherRules({ state: { client, others, unknown } }: { readonly state: ClientState }) {
  return (
    <>
      {others.length > 0 && (
        <>
          <h3>Other rules that apply</h3>
          <Table<OtherRule>
            caption={`other rules that apply to ${client}`}
            rows={others}
            keyOf={({ routes, rule, model }) => JSON.stringify([routes, rule, model])}
            columns={[
              {
                title: 'Limit',
                help: LIMIT_HELP,
                cell: (each) => (
                  <>
                    {each.routes.map((route) => (
                      <span key={route} class="of">
                        <RouteName route={route} />
                      </span>
                    ))}
                    <RuleSettings settings={each}>
                      , {keyLabel(each.keyedBy)}
                      {each.model !== undefined && <>, model {each.model}</>}
                    </RuleSettings>
                  </>
                ),
              },
              { ...USED_COLUMN, help: `${USED_COLUMN.help} Others may share the limit.`, wideOnly: true },
              {
                title: 'Available',
                help: 'What can be used now, in the unit that the limit counts.',
                kind: 'number',
                cell: ({ resource, remaining, limit }) => amountLabel(resource, remaining, limit),
              },
              RESETS_COLUMN,
            ]}
          />
        </>
      )}
      {unknown.length > 0 && (
        <>
          <h3>Rules that depend on more than the client</h3>
          <ul>
            {unknown.map(({ routes, rule, resource }) => (
              <li key={JSON.stringify([routes, rule])}>
                <span class="name">{rule}</span>
                <span class="quiet">
                  {resourceSuffix(resource)} on {routes.map(routeName).join(', ')}: depends on a header, the
                  address or the content of the request
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  )
}

/** The name and the limit of a rule, and the changes by operators. The children extend the description. */
function RuleSettings({
  settings: { rule, limit, resource, enforced, overridden, ownLimit },
  children,
}: {
  readonly settings: ClientRule | OtherRule
  readonly children?: ComponentChildren
}) {
  return (
    <>
      <span class="of quiet">
        <span class="name">{rule}</span>
        {limit !== rule && <> {limit}</>}
        {resourceSuffix(resource)}
        {children}
        {!enforced && <>, shadow</>}
      </span>
      <OverriddenNote overridden={overridden} />
      <OwnLimitNote ownLimit={ownLimit} />
    </>
  )
}

/** Says that an action has changed a rule, and how the file configures it. */
function OverriddenNote({ overridden }: { readonly overridden: ClientRule['overridden'] | undefined }) {
  if (overridden === undefined) return null
  const { limit, enforced } = overridden
  return (
    <span class="of">
      <Badge tone="warning">overridden</Badge>{' '}
      <span class="quiet">
        in the file: {limit}, {enforced ? 'enforced' : 'shadow'}
      </span>
    </span>
  )
}

/** Says that an act has changed the limit of this client, until when and why. */
function OwnLimitNote({ ownLimit }: { readonly ownLimit: OwnLimit | undefined }) {
  if (ownLimit === undefined) return null
  const { scale, by, reason, until } = ownLimit
  return (
    <span class="of">
      <Badge tone="warning">{scale === undefined ? 'own limit' : `${scale} × the limit`}</Badge>{' '}
      <span class="quiet">
        until {until === undefined ? 'undone' : moment(until)} ({by}: {reason})
      </span>
    </span>
  )
}

const LIMIT_HELP = 'The route, the name of the rule and its limit for this client, with its tier.'
const RESETS_COLUMN: Column<{ readonly resetAfter: number }> = {
  title: 'Resets',
  help: 'When nothing is used any more, if there are no further requests.',
  kind: 'number',
  wideOnly: true,
  cell: ({ resetAfter }) => (resetAfter === 0 ? 'now' : `in ${wait(resetAfter)}`),
}

/** Lists the rules that have counted a recent request of a client. */
export function ClientRules({
  state: { client, rules },
  onAction,
}: {
  readonly state: ClientState
  readonly onAction: ActionHandler | undefined
}) {
  return (
    <Table<ClientRule>
      caption={`limits of ${client}`}
      rows={rules}
      keyOf={({ route, rule, id }) => JSON.stringify([route, rule, id])}
      columns={[
        {
          title: 'Limit',
          help: LIMIT_HELP,
          cell: (each) => (
            <>
              <RouteName route={each.route} />
              <RuleSettings settings={each} />
            </>
          ),
        },
        { ...USED_COLUMN, wideOnly: true },
        {
          title: 'Available',
          help: 'What the client can use now, in the unit that the limit counts, or when it may retry.',
          cell: availableNow,
        },
        RESETS_COLUMN,
        {
          title: 'Allowed',
          help: 'Requests that the rule allowed since the gateway last started to track the client.',
          kind: 'number',
          wideOnly: true,
          cell: ({ allowed }) => count(allowed),
        },
        {
          title: 'Refused',
          help: 'Requests that the rule refused since the gateway last started to track the client.',
          kind: 'number',
          wideOnly: true,
          cell: ({ refused }) => count(refused),
        },
        ...(onAction === undefined ? [] : [resetColumn(client, onAction)]),
      ]}
    />
  )
}

function resetColumn(client: string, onAction: ActionHandler): Column<ClientRule> {
  return {
    title: 'Action',
    help: 'Reset sets the usage of the client under this rule to zero.',
    kind: 'number',
    cell: ({ route, rule, id }) => (
      <ActionButton
        text="Reset"
        target={`${client} in ${rule} on ${route}`}
        pending={{ act: 'reset', route, rule, key: id, shown: client }}
        onAction={onAction}
      />
    ),
  }
}

function availableNow({ remaining, resource, limit, retryAfterOfOne, moreAfter }: ClientRule) {
  if (retryAfterOfOne !== 0)
    return (
      <strong class="refused">
        none; {retryAfterOfOne === null ? 'never admitted' : `retry ${retryLabel(retryAfterOfOne)}`}
      </strong>
    )
  return (
    <>
      {amountLabel(resource, remaining, limit)}
      {moreAfter > 0 && <span class="of quiet">more in {wait(moreAfter)}</span>}
    </>
  )
}
