import { useEffect, useRef, useState } from 'preact/hooks'
import type { ClientRule, ClientState } from '../../../src/server/admin/api/client-status.js'
import { ActionButton } from '../actions/action-button.js'
import type { ActionHandler } from '../actions/pending-action.js'
import { type AdminApi, AdminError } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { Bar, usageColour } from '../components/bar.js'
import { count, wait } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { RouteName } from '../components/route-name.js'
import { type Column, Table } from '../components/table.js'
import { amountLabel, resourceSuffix, retryLabel } from './labels.js'

const POLL_INTERVAL_MS = 2000

/** A search; `count` distinguishes repeated searches for the same text. */
export interface Search {
  readonly text: string
  readonly count: number
}

/** Searches for a client and shows its usage under each limit. */
export function ClientSearch({
  api,
  search,
  onSearch,
  onAction,
}: {
  readonly api: AdminApi
  readonly search: Search
  readonly onSearch: (text: string) => void
  readonly onAction: ActionHandler | undefined
}) {
  const [text, setText] = useState(search.text)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (search.count === 0) return
    setText(search.text)
    field.current?.scrollIntoView({ block: 'center' })
    field.current?.focus({ preventScroll: true })
  }, [search])
  return (
    <Panel id="client" title="Client lookup" note="usage under each limit">
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
      {search.text === '' ? (
        <Empty>
          Search for a client, or select one in a list, to see its usage under each limit and when its next
          request will be admitted. A lookup does not count against any limit.
        </Empty>
      ) : (
        <SearchResult key={search.text} api={api} text={search.text} onAction={onAction} />
      )}
    </Panel>
  )
}

function SearchResult({
  api,
  text,
  onAction,
}: {
  readonly api: AdminApi
  readonly text: string
  readonly onAction: ActionHandler | undefined
}) {
  const { result, failure } = usePolling(text, (search) => api.client(search), POLL_INTERVAL_MS)
  const missing = failure instanceof AdminError && failure.status === 404
  return (
    <>
      <p class="found" role="status">
        {missing && `No client matching “${text}” was seen recently.`}
        {failure !== undefined && !missing && failure.message}
        {failure === undefined && result?.client}
      </p>
      {result !== undefined && !missing && <ClientRules state={result} onAction={onAction} />}
    </>
  )
}

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
          cell: ({ route, rule, limit, resource, enforced }) => (
            <>
              <RouteName route={route} />
              <span class="of quiet">
                <span class="name">{rule}</span>
                {limit !== rule && <> {limit}</>}
                {resourceSuffix(resource)}
                {!enforced && <>, shadow</>}
              </span>
            </>
          ),
        },
        {
          title: 'Used',
          kind: 'bar',
          wideOnly: true,
          cell: ({ used }) => <Bar part={used} colour={usageColour(used)} />,
        },
        { title: 'Available', cell: availableNow },
        { title: 'Resets', kind: 'number', wideOnly: true, cell: ({ resetAfter }) => after(resetAfter) },
        { title: 'Allowed', kind: 'number', wideOnly: true, cell: ({ allowed }) => count(allowed) },
        { title: 'Refused', kind: 'number', wideOnly: true, cell: ({ refused }) => count(refused) },
        ...(onAction === undefined ? [] : [resetColumn(client, onAction)]),
      ]}
    />
  )
}

function resetColumn(client: string, onAction: ActionHandler): Column<ClientRule> {
  return {
    title: 'Action',
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
