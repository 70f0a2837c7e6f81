import type { TopClient } from '../../../src/server/admin/api/client-status.js'
import type { AdminApi } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { Fill } from '../components/bar.js'
import { count } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { Table } from '../components/table.js'

const EVERY = 5000

/** Who sends most, and who is refused most. */
export function TopClients({
  api,
  onClient,
}: {
  readonly api: AdminApi
  readonly onClient: (client: string) => void
}) {
  const { answer, failure } = usePolling('talkers', () => api.talkers(), EVERY)
  const lists = [
    {
      id: 'heaviest',
      title: 'Heaviest clients',
      colour: 'allowed',
      of: answer?.heaviest,
      none: 'send requests',
    },
    {
      id: 'most-refused',
      title: 'Most refused clients',
      colour: 'refused',
      of: answer?.refused,
      none: 'are refused',
    },
  ] as const
  return lists.map(({ id, title, colour, of = [], none }) => (
    <Panel key={id} id={id} title={title} note={answer?.error}>
      {failure !== undefined && <p class="failure">{failure.message}</p>}
      {of.length === 0 ? (
        <Empty>Clients that {none} are counted here, the most frequent first.</Empty>
      ) : (
        <TopClientTable title={title} colour={colour} talkers={of} onClient={onClient} />
      )}
    </Panel>
  ))
}

function TopClientTable({
  title,
  colour,
  talkers,
  onClient,
}: {
  readonly title: string
  readonly colour: string
  readonly talkers: readonly TopClient[]
  readonly onClient: (client: string) => void
}) {
  const most = Math.max(...talkers.map(({ count }) => count), 1)
  return (
    <Table<TopClient>
      caption={title}
      rows={talkers}
      first={8}
      keyOf={({ client }) => client}
      columns={[
        {
          title: 'Client',
          cell: ({ client }) => (
            <button type="button" class="link name" onClick={() => onClient(client)}>
              {client}
            </button>
          ),
        },
        {
          title: 'Share of the first',
          wideOnly: true,
          kind: 'bar',
          cell: (row) => <Fill part={row.count / most} colour={colour} />,
        },
        {
          title: 'Requests',
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
