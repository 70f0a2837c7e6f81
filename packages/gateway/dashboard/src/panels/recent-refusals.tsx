import type { RecentRefusal } from '../../../src/server/admin/api/recent-refusals.js'
import type { AdminApi } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { count, timeOfDay, wait } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { RouteName } from '../components/route-name.js'
import { SearchField } from '../components/search-field.js'
import { Table } from '../components/table.js'
import { reasonText } from './labels.js'

const POLL_INTERVAL_MS = 2000

/** Selects refusals. Empty parts select all. */
export interface RefusalQuery {
  readonly text: string
  readonly rule: string
  readonly client: string
}

/** Lists recent refusals, which can be filtered by text, rule and client. */
export function RecentRefusals({
  api,
  rules,
  query,
  onQuery,
  onClient,
}: {
  readonly api: AdminApi
  /** The names of all rules. */
  readonly rules: readonly string[]
  readonly query: RefusalQuery
  readonly onQuery: (query: RefusalQuery) => void
  readonly onClient: (client: string) => void
}) {
  const parameters = new URLSearchParams({ ...query }).toString()
  const { result, failure } = usePolling(parameters, (each) => api.refusals(each), POLL_INTERVAL_MS)
  const isFiltered = Object.values(query).some((part) => part !== '')
  const names = [...new Set([...rules, ...(query.rule === '' ? [] : [query.rule])])]
  return (
    <Panel
      id="recent-refusals"
      title="Recent refusals"
      note={
        result &&
        `newest first; ${count(result.matching)} of the last ${count(result.kept)} (at most ${count(result.maxKept)} are kept)`
      }
    >
      <search>
        <form class="tools filters" onSubmit={(event) => event.preventDefault()}>
          <SearchField
            label="Search"
            placeholder="Client, path, rule or request ID"
            maxLength={200}
            value={query.text}
            onInput={(text) => onQuery({ ...query, text })}
          />
          <label>
            <span>Rule</span>
            <select
              value={query.rule}
              onChange={(event) => onQuery({ ...query, rule: event.currentTarget.value })}
            >
              <option value="">All rules</option>
              {names.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <SearchField
            label="Client"
            placeholder="Exact id or address"
            maxLength={200}
            value={query.client}
            onInput={(client) => onQuery({ ...query, client })}
          />
        </form>
      </search>
      {failure !== undefined && <p class="failure">{failure.message}</p>}
      {result?.refusals.length === 0 && (
        <Empty>
          {isFiltered ? 'No recent refusal matches.' : 'No request was refused since the gateway started.'}
        </Empty>
      )}
      {result !== undefined && result.refusals.length > 0 && (
        <div class="refusal-list">
          <Table<RecentRefusal>
            caption="recent refusals"
            rows={result.refusals}
            first={25}
            keyOf={({ at, id, client, path }) => JSON.stringify([at, id, client, path])}
            columns={[
              {
                title: 'Time',
                help: 'When the request was refused, in your time zone.',
                cell: ({ at }) => <time dateTime={new Date(at).toISOString()}>{timeOfDay(at)}</time>,
              },
              {
                title: 'Client',
                help: 'The id of the client, or its address if it is anonymous. Select it to see its limits.',
                cell: ({ client }) => (
                  <button type="button" class="link name" onClick={() => onClient(client)}>
                    {client}
                  </button>
                ),
              },
              {
                title: 'Rule',
                help: 'The rule that refused, and why. For a blocked client, the reason of the block.',
                cell: ({ rule, reason }) => (
                  <>
                    <span class="name">{rule}</span>
                    <span class="of quiet">{reasonText(reason)}</span>
                  </>
                ),
              },
              {
                title: 'Request',
                help: 'The method and path of the request without its query, and its route.',
                cell: ({ method, path, route }) => (
                  <>
                    <span class="name">
                      {method} {path}
                    </span>
                    {route !== `${method} ${path}` && (
                      <span class="of quiet">
                        <RouteName route={route} />
                      </span>
                    )}
                  </>
                ),
              },
              {
                title: 'Request ID',
                help: 'The ID that the client got in the x-request-id header and in the error.',
                cell: ({ id }) => <span class="name id">{id}</span>,
              },
              {
                title: 'Retry',
                help: 'How long the client was told to wait, from the time of the refusal.',
                kind: 'number',
                wideOnly: true,
                cell: ({ retryAfter }) => (retryAfter === null ? 'never' : `after ${wait(retryAfter)}`),
              },
            ]}
          />
        </div>
      )}
    </Panel>
  )
}
