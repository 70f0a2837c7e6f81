import type { ClientDifference } from '../../../src/replay/report/comparison.js'
import type { ClientReport, ReplayReport, RuleReport } from '../../../src/replay/report/report.js'
import { Bar, usageColour } from '../components/bar.js'
import { duration } from '../components/format.js'
import { Panel } from '../components/panel.js'
import { SortableTable } from '../components/sortable-table.js'
import { moment, number, part } from './report-format.js'
import { type Side, titleOf } from './sides.js'

export function Rules({ report, name, id }: Side) {
  return (
    <Panel id={`rules-${id}`} title={name === '' ? 'Results by rule' : titleOf('Rules', { name })}>
      <SortableTable<RuleReport>
        caption={`rules ${name}`.trim()}
        rows={report.rules}
        columns={[
          { title: 'Rule', value: ({ rule, route }) => `${rule} · ${route}` },
          {
            title: 'Limit',
            value: ({ limit, resource }) =>
              resource === 'requests' || resource === 'concurrent' ? limit : `${limit} ${resource}`,
          },
          {
            title: 'Algorithm',
            value: ({ algorithm, enforced }) => (enforced ? algorithm : `${algorithm} (shadow)`),
            wideOnly: true,
          },
          { title: 'Refused', value: ({ refused }) => refused, cell: ({ refused }) => number(refused) },
          {
            title: 'False refusals',
            value: ({ falselyRefused }) => falselyRefused ?? -1,
            cell: ({ falselyRefused }) => (falselyRefused === null ? '–' : number(falselyRefused)),
          },
          {
            title: 'Usage, p95',
            value: ({ fullness }) => fullness.p95,
            cell: ({ fullness }) => <Bar part={fullness.p95} colour={usageColour(fullness.p95)} />,
            wideOnly: true,
          },
          {
            title: 'Peak in a period',
            value: ({ mostHeld }) => mostHeld ?? -1,
            cell: ({ mostHeld }) => (mostHeld === null ? '–' : part(mostHeld, 1)),
            wideOnly: true,
          },
        ]}
      />
    </Panel>
  )
}

export function Clients({ report }: { readonly report: ReplayReport }) {
  const { listed, known } = report.clients
  const note =
    known > listed.length
      ? `the ${number(listed.length)} most refused of ${number(known)}`
      : `all ${number(known)}`
  return (
    <Panel id="clients" title="Clients" note={note}>
      <SortableTable<ClientReport>
        caption="clients"
        searchable
        rows={listed}
        columns={[
          {
            title: 'Client',
            value: ({ client }) => client,
            cell: ({ client }) => <span class="name">{client}</span>,
          },
          { title: 'Tier', value: ({ tier }) => tier ?? '', wideOnly: true },
          { title: 'Requests', value: ({ requests }) => requests, cell: ({ requests }) => number(requests) },
          {
            title: 'Refused',
            value: ({ refused }) => refused,
            cell: ({ refused, requests }) => `${number(refused)} (${part(refused, requests)})`,
          },
          { title: 'False refusals', value: ({ falselyRefused }) => falselyRefused, wideOnly: true },
          {
            title: 'Tokens',
            value: ({ tokens }) => tokens,
            cell: ({ tokens }) => number(tokens),
            wideOnly: true,
          },
          {
            title: 'Longest lockout',
            value: ({ longestLockout }) => longestLockout?.length ?? 0,
            cell: ({ longestLockout }) => (
              <span title={longestLockout === null ? '' : `from ${moment(longestLockout.from)}`}>
                {longestLockout === null ? '' : duration(longestLockout.length)}
              </span>
            ),
          },
        ]}
      />
    </Panel>
  )
}

export function Differences({
  clients,
  names: [one = '', other = ''],
}: {
  readonly clients: readonly ClientDifference[]
  readonly names: readonly string[]
}) {
  return (
    <Panel id="differences" title="Differences by client">
      <SortableTable<ClientDifference>
        caption="differences"
        searchable
        rows={clients}
        columns={[
          {
            title: 'Client',
            value: ({ client }) => client,
            cell: ({ client }) => <span class="name">{client}</span>,
          },
          { title: 'Requests', value: ({ requests }) => requests, cell: ({ requests }) => number(requests) },
          { title: `Refused by ${one}`, value: ({ refusedByOne }) => refusedByOne },
          { title: `Refused by ${other}`, value: ({ refusedByOther }) => refusedByOther },
          { title: 'Difference', value: ({ refusedByOne, refusedByOther }) => refusedByOther - refusedByOne },
        ]}
      />
    </Panel>
  )
}
