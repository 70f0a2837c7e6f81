import { useEffect, useRef, useState } from 'preact/hooks'
import type {
  ClientRule,
  ClientState,
  OtherRule,
  OwnLimit,
} from '../../../src/server/admin/api/client-status.js'
import { ActionButton } from '../actions/action-button.js'
import { ClientActions } from '../actions/client-actions.js'
import type { ActionHandler } from '../actions/pending-action.js'
import { type AdminApi, AdminError } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { Badge } from '../components/badge.js'
import { Bar, usageColour } from '../components/bar.js'
import { count, moment, wait } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { RouteName, routeName } from '../components/route-name.js'
import { type Column, Table } from '../components/table.js'
import { amountLabel, keyLabel, resourceSuffix, retryLabel } from './labels.js'

const POLL_INTERVAL_MS = 2000

/** Searches for a client and shows its usage under each limit. */
export function ClientSearch({
  api,
  search,
  onSearch,
  onRefusals,
  onAction,
  onDone,
}: {
  readonly api: AdminApi
  /** Empty if no client was searched for. */
  readonly search: string
  readonly onSearch: (text: string) => void
  /** Shows the refusals of a client. */
  readonly onRefusals: (client: string) => void
  /** Undefined if actions are off. */
  readonly onAction: ActionHandler | undefined
  /** Called with a description of a completed change. */
  readonly onDone: (done: string) => void
}) {
  const [text, setText] = useState(search)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    setText(search)
    if (search !== '') field.current?.focus({ preventScroll: true })
  }, [search])
  return (
    <Panel id="client" title="Client lookup" note="every rule that applies, and what the client has left">
      <search>
        <form
          class="tools"
          onSubmit={(event) => {
            event.preventDefault()
            if (text.trim() !== '') onSearch(text.trim())
          }}
        >
          <label>
            <span class="visually-hidden">Client: IP address, id, or part of either</span>
            <input
              ref={field}
              type="search"
              placeholder="IP address or client id"
              autocomplete="off"
              spellcheck={false}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="main">
            Find
          </button>
        </form>
      </search>
      {search === '' ? (
        <Empty>
          Search for a client, or select one in a list, to see its usage under each limit and when its next
          request will be admitted. A lookup does not count against any limit.
        </Empty>
      ) : (
        <SearchResult key={search} text={search} {...{ api, onRefusals, onAction, onDone }} />
      )}
    </Panel>
  )
}

function SearchResult({
  api,
  text,
  onRefusals,
  onAction,
  onDone,
}: {
  readonly api: AdminApi
  readonly text: string
  readonly onRefusals: (client: string) => void
  readonly onAction: ActionHandler | undefined
  readonly onDone: (done: string) => void
}) {
  const { result, failure } = usePolling(text, (search) => api.client(search), POLL_INTERVAL_MS)
  const missing = failure instanceof AdminError && failure.status === 404
  return (
    <>
      <div class="profile">
        <p class="found" role="status">
          {missing && `No client matching “${text}” was seen recently.`}
          {failure !== undefined && !missing && failure.message}
          {failure === undefined && result?.client}
        </p>
        {result !== undefined && !missing && (
          <>
            <span title="The class of the client, which scales or replaces limits.">
              {result.tier === undefined ? (
                <span class="quiet">no tier</span>
              ) : (
                <Badge tone="plain">tier {result.tier}</Badge>
              )}
            </span>
            <ClientActions
              client={result.client}
              canAct={onAction !== undefined}
              {...{ api, onRefusals, onDone }}
            />
          </>
        )}
      </div>
      {result !== undefined && !missing && (
        <>
          {result.rules.length > 0 && <ClientRules state={result} onAction={onAction} />}
          <OtherRules state={result} />
        </>
      )}
    </>
  )
}

/** Lists the rules that apply to a client and have not counted a recent request of it. */
function OtherRules({ state: { client, others, unknown } }: { readonly state: ClientState }) {
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
                cell: ({ routes, rule, limit, resource, enforced, keyedBy, model, overridden, ownLimit }) => (
                  <>
                    {routes.map((route) => (
                      <span key={route} class="of">
                        <RouteName route={route} />
                      </span>
                    ))}
                    <span class="of quiet">
                      <span class="name">{rule}</span>
                      {limit !== rule && <> {limit}</>}
                      {resourceSuffix(resource)}, {keyLabel(keyedBy)}
                      {model !== undefined && <>, model {model}</>}
                      {!enforced && <>, shadow</>}
                    </span>
                    <OverriddenNote overridden={overridden} />
                    <OwnLimitNote ownLimit={ownLimit} />
                  </>
                ),
              },
              {
                title: 'Used',
                help: `${USED_HELP} Others may share the limit.`,
                kind: 'bar',
                wideOnly: true,
                cell: ({ used }) => <Bar part={used} colour={usageColour(used)} />,
              },
              {
                title: 'Available',
                help: 'What can be used now, in the unit that the limit counts.',
                kind: 'number',
                cell: ({ resource, remaining }) => amountLabel(resource, remaining),
              },
              {
                title: 'Resets',
                help: RESETS_HELP,
                kind: 'number',
                wideOnly: true,
                cell: ({ resetAfter }) => after(resetAfter),
              },
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
const USED_HELP = 'The part of the limit in use, in percent.'
const RESETS_HELP = 'When nothing is used any more, if there are no further requests.'

function ClientRules({
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
          cell: ({ route, rule, limit, resource, enforced, overridden, ownLimit }) => (
            <>
              <RouteName route={route} />
              <span class="of quiet">
                <span class="name">{rule}</span>
                {limit !== rule && <> {limit}</>}
                {resourceSuffix(resource)}
                {!enforced && <>, shadow</>}
              </span>
              <OverriddenNote overridden={overridden} />
              <OwnLimitNote ownLimit={ownLimit} />
            </>
          ),
        },
        {
          title: 'Used',
          help: USED_HELP,
          kind: 'bar',
          wideOnly: true,
          cell: ({ used }) => <Bar part={used} colour={usageColour(used)} />,
        },
        {
          title: 'Available',
          help: 'What the client can use now, in the unit that the limit counts, or when it may retry.',
          cell: availableNow,
        },
        {
          title: 'Resets',
          help: RESETS_HELP,
          kind: 'number',
          wideOnly: true,
          cell: ({ resetAfter }) => after(resetAfter),
        },
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

function availableNow({ remaining, resource, retryAfterOfOne, moreAfter }: ClientRule) {
  if (retryAfterOfOne !== 0)
    return (
      <strong class="refused">
        none; {retryAfterOfOne === null ? 'never admitted' : `retry ${retryLabel(retryAfterOfOne)}`}
      </strong>
    )
  return (
    <>
      {amountLabel(resource, remaining)}
      {moreAfter > 0 && <span class="of quiet">more in {wait(moreAfter)}</span>}
    </>
  )
}

function after(milliseconds: number): string {
  return milliseconds === 0 ? 'now' : `in ${wait(milliseconds)}`
}
