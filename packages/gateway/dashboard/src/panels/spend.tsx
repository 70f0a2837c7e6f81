import { useRef, useState } from 'preact/hooks'
import type { SpendReport, SpendRow } from '../../../src/server/admin/api/spend-report.js'
import type { AdminApi } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { Bar } from '../components/bar.js'
import { count, money } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { saveAs } from '../components/save-as.js'
import { Table } from '../components/table.js'
import { type SpendGroup, spendGroups, spendMonths, spendQuery } from './spend-query.js'

const POLL_INTERVAL_MS = 30_000
/** Maximum number of rows on the page. The download has all of them. */
const MAX_ROWS = 200

/** What the panel shows. */
export interface SpendChoice {
  /** Such as `2026-11`; empty for the current month. */
  readonly month: string
  /** The property or the label to group by; empty for clients. */
  readonly by: string
}

/** Shows what clients have spent in a month, and offers it as CSV. */
export function SpendPanel({
  api,
  choice,
  onChoice,
  onClient,
}: {
  readonly api: AdminApi
  readonly choice: SpendChoice
  readonly onChoice: (choice: SpendChoice) => void
  readonly onClient: (client: string) => void
}) {
  const months = spendMonths(Date.now())
  const month = choice.month === '' ? (months[0] as string) : choice.month
  const by = choice.by === '' ? 'client' : choice.by
  const query = spendQuery(by, month)
  const { result, failure } = usePolling(
    `${query}&limit=${MAX_ROWS}`,
    (each) => api.spend(each),
    POLL_INTERVAL_MS,
  )
  const labels = useRef<readonly string[]>([])
  labels.current = result?.labels ?? labels.current
  const groups = spendGroups(labels.current, by)
  return (
    <Panel id="spend" title="Spend" note={result && noteOf(result)}>
      <form class="tools filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          <span>Month (UTC)</span>
          <select
            value={month}
            onChange={(event) => onChoice({ ...choice, month: event.currentTarget.value })}
          >
            {[...new Set([...months, month])].map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Group by</span>
          <select value={by} onChange={(event) => onChoice({ ...choice, by: event.currentTarget.value })}>
            {groups.map(({ value, title }) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <Download api={api} query={query} name={`spend-by-${by}-${month}.csv`} />
      </form>
      {failure !== undefined && <p class="failure">{failure.message}</p>}
      {result?.failure !== undefined && <p class="failure">Recent spend may be missing: {result.failure}</p>}
      {result?.rows.length === 0 && (
        <Empty>
          Nothing was spent in this month. The gateway counts the calls of routes with a limit on money.
        </Empty>
      )}
      {result !== undefined && result.rows.length > 0 && (
        <SpendTable report={result} group={groups.find(({ value }) => value === by)} onClient={onClient} />
      )}
      {result?.kept === 'memory' && (
        <p class="quiet">
          A restart of the gateway forgets this. Name a file in <code>state</code> or use Redis to keep it.
        </p>
      )}
    </Panel>
  )
}

/** A link to the CSV. With a token, the page requests the file itself, since a link cannot send it. */
function Download({
  api,
  query,
  name,
}: {
  readonly api: AdminApi
  readonly query: string
  readonly name: string
}) {
  const [failure, setFailure] = useState<string>()
  const path = `/api/spend?${query}&format=csv`
  const download = (event: Event) => {
    setFailure(undefined)
    if (!api.hasToken) return
    event.preventDefault()
    api.text(path).then(
      (csv) => saveAs(name, 'text/csv', csv),
      (error: Error) => setFailure(error.message),
    )
  }
  return (
    <>
      <a href={path} download={name} onClick={download}>
        Download CSV
      </a>
      {failure !== undefined && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
    </>
  )
}

function noteOf({ from, to, totals, rows, count: rowCount }: SpendReport): string {
  const sums = totals.map(({ amount, currency }) => money(amount, currency)).join(' and ')
  const cut = rows.length < rowCount ? `; ${count(rows.length)} of ${count(rowCount)} lines` : ''
  return `${from} to ${to}${sums === '' ? '' : `; ${sums} in total`}${cut}`
}

function SpendTable({
  report: { rows, totals },
  group,
  onClient,
}: {
  readonly report: SpendReport
  readonly group: SpendGroup | undefined
  readonly onClient: (client: string) => void
}) {
  const totalIn = (currency: string) =>
    Number(totals.find((total) => total.currency === currency)?.amount ?? 0)
  return (
    <Table<SpendRow>
      caption="spend"
      rows={rows}
      first={31}
      keyOf={({ name, currency }) => JSON.stringify([name, currency])}
      columns={[
        {
          title: group?.title ?? '',
          help: group?.help ?? '',
          cell: ({ name }) => <Name name={name} group={group} onClient={onClient} />,
        },
        {
          title: 'Amount',
          help: 'What the calls cost, as it was settled. The download has all digits.',
          kind: 'number',
          cell: ({ amount, currency }) => money(amount, currency),
        },
        {
          title: 'Share',
          help: 'The part of the total in the same currency, in percent.',
          kind: 'bar',
          cell: ({ amount, currency }) => {
            const total = totalIn(currency)
            return <Bar part={total > 0 ? Number(amount) / total : 0} colour="busy" />
          },
        },
        {
          title: 'Requests',
          help: 'Requests that were settled with a cost.',
          kind: 'number',
          cell: ({ requests }) => count(requests),
        },
        {
          title: 'Input tokens',
          help: 'Tokens that clients sent, with those that models read from their caches.',
          kind: 'number',
          wideOnly: true,
          cell: ({ inputTokens }) => count(inputTokens),
        },
        {
          title: 'Cached',
          help: 'Input tokens that models read from their caches.',
          kind: 'number',
          wideOnly: true,
          cell: ({ cachedTokens }) => count(cachedTokens),
        },
        {
          title: 'Output tokens',
          help: 'Tokens that models wrote.',
          kind: 'number',
          wideOnly: true,
          cell: ({ outputTokens }) => count(outputTokens),
        },
      ]}
    />
  )
}

/** Names of lines that are not clients. */
const NO_CLIENTS: readonly string[] = ['other', 'forgotten']

function Name({
  name,
  group,
  onClient,
}: {
  readonly name: string
  readonly group: SpendGroup | undefined
  readonly onClient: (client: string) => void
}) {
  if (name === '') return <span class="quiet">{group?.nameless ?? 'none'}</span>
  if (group?.value !== 'client' || NO_CLIENTS.includes(name)) return <span class="name">{name}</span>
  return (
    <button type="button" class="link name" onClick={() => onClient(`client ${name}`)}>
      {name}
    </button>
  )
}
