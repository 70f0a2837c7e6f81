import type { ClauseResult, SuggestedLimit, Suggestion } from '../../../src/replay/suggest/suggest.js'
import { Panel } from '../components/panel.js'
import { SortableTable } from '../components/sortable-table.js'
import { isRefusal, number, part } from './report-format.js'
import { TradeOffCurve } from './trade-off-curve.js'
import '../components/yaml.css'

/** The suggested limit, and how refusals and admissions change with the limit. */
export function TradeOff({ suggestion, yaml }: { readonly suggestion: Suggestion; readonly yaml: string }) {
  const { granted, nearest, curve, rule, route, current, currency } = suggestion
  const shown = granted === null ? nearest : [granted]
  return (
    <Panel
      id="trade-off"
      title={granted === null ? 'No limit meets the objective' : `Suggested: ${granted.text}`}
      note={`'${rule}' of ${route}, now ${current}`}
    >
      {shown.map((limit) => (
        <ul key={limit.text} class="notes">
          {limit.clauses.map((clause) => (
            <li key={clause.clause} class={clause.granted ? '' : 'refused'}>
              {`${limit.text}: ${clause.clause} – ${resultOf(clause)}${clause.granted ? '' : ' (not met)'}`}
            </li>
          ))}
        </ul>
      ))}
      {yaml !== '' && <pre class="yaml suggested">{yaml}</pre>}
      <TradeOffCurve curve={curve} unit={currency === undefined ? 1 : 1e9} />
      <SortableTable<SuggestedLimit>
        caption="evaluated limits"
        rows={curve}
        columns={[
          { title: 'Limit', value: ({ limit }) => limit, cell: ({ text }) => text },
          {
            title: 'Refused',
            value: ({ refused }) => refused,
            cell: ({ refused, requests }) => part(refused, requests),
          },
          ...(curve[0]?.clauses ?? []).map(({ clause }, index) => ({
            title: clause,
            value: ({ clauses }: SuggestedLimit) => clauses[index]?.value ?? 0,
            cell: ({ clauses }: SuggestedLimit) => {
              const result = clauses[index]
              return result === undefined ? (
                ''
              ) : (
                <span class={result.granted ? '' : 'refused'}>{resultOf(result)}</span>
              )
            },
          })),
        ]}
      />
    </Panel>
  )
}

function resultOf({ clause, value, byOthers, currency }: ClauseResult): string {
  if (!isRefusal(clause)) return `at most ${number(value)}${currency ? ` ${currency}` : ''} admitted`
  return `${part(value, 1)} refused${byOthers === 0 ? '' : `, ${part(byOthers, 1)} by other limits only`}`
}
