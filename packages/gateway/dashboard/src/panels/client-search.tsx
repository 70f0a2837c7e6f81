import { useEffect, useRef, useState } from 'preact/hooks'
import type { ClientRule, ClientState } from '../../../src/server/admin/api/client-status.js'
import { ActionButton } from '../actions/action-button.js'
import type { ActionHandler } from '../actions/pending-action.js'
import { type AdminApi, AdminError } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { Bar, colourOfFullness } from '../components/bar.js'
import { count, wait } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { RouteName } from '../components/route-name.js'
import { type Column, Table } from '../components/table.js'
import { amountLabel, resourceSuffix, retryLabel } from './labels.js'

const EVERY = 2000

/** What is asked for; another number asks for the same once more. */
export interface Search {
  readonly text: string
  readonly turn: number
}

/** One client's state: what it may do now, and when it gets more. */
export function ClientSearch({
  api,
  search,
  onSearch,
  propose,
}: {
  readonly api: AdminApi
  readonly search: Search
  readonly onSearch: (text: string) => void
  readonly propose: ActionHandler | undefined
}) {
  const [text, setText] = useState(search.text)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (search.turn === 0) return
    setText(search.text)
    field.current?.scrollIntoView({ block: 'center' })
    field.current?.focus({ preventScroll: true })
  }, [search])
  return (
    <Panel id="client" title="One client" note="what it may do now, and when it gets more">
      <search>
        <form
          class="tools"
          onSubmit={(event) => {
            event.preventDefault()
            if (text.trim() !== '') onSearch(text.trim())
          }}
        >
          <label>
            <span class="visually-hidden">Client: an address, a name, or a part of it</span>
            <input
              ref={field}
              type="search"
              placeholder="An address or a name"
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
          Search for a client, or choose one in a list, to see how much it has left of each limit and when it
          may come again. Nothing is taken from it by looking.
        </Empty>
      ) : (
        <Found key={search.text} api={api} text={search.text} propose={propose} />
      )}
    </Panel>
  )
}

function Found({
  api,
  text,
  propose,
}: {
  readonly api: AdminApi
  readonly text: string
  readonly propose: ActionHandler | undefined
}) {
  const { answer, failure } = usePolling(text, (wanted) => api.client(wanted), EVERY)
  const missing = failure instanceof AdminError && failure.status === 404
  return (
    <>
      <p class="found" role="status">
        {missing && `Nobody like “${text}” has been seen lately.`}
        {failure !== undefined && !missing && failure.message}
        {failure === undefined && answer?.client}
      </p>
      {answer !== undefined && !missing && <ClientRules state={answer} propose={propose} />}
    </>
  )
}

function ClientRules({
  state: { client, rules },
  propose,
}: {
  readonly state: ClientState
  readonly propose: ActionHandler | undefined
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
                {!enforced && <>, in shadow</>}
              </span>
            </>
          ),
        },
        {
          title: 'Used',
          kind: 'bar',
          wideOnly: true,
          cell: ({ used }) => <Bar part={used} colour={colourOfFullness(used)} />,
        },
        { title: 'May now', cell: availableNow },
        { title: 'Full again', kind: 'number', wideOnly: true, cell: ({ resetAfter }) => after(resetAfter) },
        { title: 'Allowed', kind: 'number', wideOnly: true, cell: ({ allowed }) => count(allowed) },
        { title: 'Refused', kind: 'number', wideOnly: true, cell: ({ refused }) => count(refused) },
        ...(propose === undefined ? [] : [resetColumn(client, propose)]),
      ]}
    />
  )
}

function resetColumn(client: string, propose: ActionHandler): Column<ClientRule> {
  return {
    title: 'AdminAction',
    kind: 'number',
    cell: ({ route, rule, id }) => (
      <ActionButton
        text="Reset"
        to={`${client} in ${rule} on ${route}`}
        proposal={{ act: 'reset', route, rule, key: id, shown: client }}
        propose={propose}
      />
    ),
  }
}

function availableNow({ remaining, resource, retryAfterOfOne, moreAfter }: ClientRule) {
  if (retryAfterOfOne !== 0)
    return (
      <strong class="refused">
        nothing; {retryAfterOfOne === null ? 'never' : `again ${retryLabel(retryAfterOfOne)}`}
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
