import type { TopClient } from '../../../src/server/admin/api/client-status.js'
import type { AdminApi } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { Fill } from '../components/bar.js'
import { count } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { Table } from '../components/table.js'

const POLL_INTERVAL_MS = 5000

/** Lists the clients with the most requests and the most refusals. */
export function TopClientsPanel({
  api,
  onClient,
}: {
  readonly api: AdminApi
  readonly onClient: (client: string) => void
}) {
  const { result, failure } = usePolling('top-clients', () => api.topClients(), POLL_INTERVAL_MS)
  const lists = [
    {
      id: 'heaviest',
      title: 'Top clients by requests',
      colour: 'allowed',
      of: result?.heaviest,
      empty: 'No requests counted yet.',
    },
    {
      id: 'most-refused',
      title: 'Top clients by refusals',
      colour: 'refused',
      of: result?.refused,
      empty: 'No refusals counted yet.',
    },
  ] as const
  return lists.map(({ id, title, colour, of = [], empty }) => (
    <Panel key={id} id={id} title={title} note={result?.error}>
      {failure !== undefined && <p class="failure">{failure.message}</p>}
      {of.length === 0 ? (
        <Empty>{empty}</Empty>
      ) : (
        <TopClientTable title={title} colour={colour} clients={of} onClient={onClient} />
      )}
    </Panel>
  ))
}

function TopClientTable({
  title,
  colour,
  clients,
  onClient,
}: {
  readonly title: string
  readonly colour: string
  readonly clients: readonly TopClient[]
  readonly onClient: (client: string) => void
}) {
  const highest = Math.max(...clients.map(({ count }) => count), 1)
  return (
    <Table<TopClient>
      caption={title}
      rows={clients}
      first={8}
      keyOf={({ client }) => client}
      columns={[
        {
          title: 'Client',
          help: 'The id of the client, or its address if it is anonymous.',
          cell: ({ client }) => (
            <button type="button" class="link name" onClick={() => onClient(client)}>
              {client}
            </button>
          ),
        },
        {
          title: 'Relative to the top client',
          help: 'The number as part of that of the first client.',
          wideOnly: true,
          kind: 'bar',
          cell: (row) => <Fill part={row.count / highest} colour={colour} />,
        },
        {
          title: 'Requests',
          help: 'Requests of the last 10 to 20 minutes. A number after a minus sign is how much too high the first may be.',
          kind: 'number',
          cell: (row) => (
            <>
              {count(row.count)}
              {row.error > 0 && <span class="quiet"> −{count(row.error)}</span>}
            </>
          ),
        },
      ]}
    />
  )
}
