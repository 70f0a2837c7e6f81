import { useMemo } from 'preact/hooks'
import { Bar } from '../components/bar.js'
import { count } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { RouteName } from '../components/route-name.js'
import { Table } from '../components/table.js'
import { type RefusalCount, refusalsIn } from '../timeseries/refusal-history.js'
import { reasonText } from './labels.js'
import { periodLabel, routeLabel, type View } from './view.js'

/** Lists refusals by rule and reason. */
export function Refusals({ view }: { readonly view: View }) {
  const refusals = useMemo(() => refusalsIn(view.samples, view.route), [view])
  const all = refusals.reduce((sum, { refused }) => sum + refused, 0)
  return (
    <Panel
      id="refusals"
      title="Refusals by rule and reason"
      note={`${routeLabel(view)}, ${periodLabel(view)}`}
    >
      {refusals.length === 0 ? (
        <Empty>No requests were refused in this period.</Empty>
      ) : (
        <Table<RefusalCount>
          caption="refusals by rule and reason"
          rows={refusals}
          first={4}
          keyOf={({ route, rule, reason }) => JSON.stringify([route, rule, reason])}
          columns={[
            {
              title: 'Rule',
              help: 'The rule that refused, and its route.',
              cell: ({ route, rule }) => (
                <>
                  <span class="name">{rule}</span>
                  {view.route === undefined && (
                    <span class="of quiet">
                      <RouteName route={route} />
                    </span>
                  )}
                </>
              ),
            },
            {
              title: 'Reason',
              help: 'Limit reached: what the limit allows is used up. Cost exceeds the limit: the request alone costs more than the limit can ever hold. No free slot: too many requests are in flight.',
              cell: ({ reason }) => reasonText(reason),
            },
            {
              title: 'Refused',
              help: 'Requests refused in the period.',
              kind: 'number',
              cell: ({ refused }) => count(refused),
            },
            {
              title: 'Share',
              help: 'Part of all refusals in the period, in percent.',
              kind: 'bar',
              cell: ({ refused }) => <Bar part={refused / all} colour="refused" />,
            },
          ]}
        />
      )}
    </Panel>
  )
}
