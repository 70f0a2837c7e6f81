import { duration } from '../../dashboard/src/parts/format.js'
import { Panel } from '../../dashboard/src/parts/panel.js'
import { Tile, Tiles } from '../../dashboard/src/parts/tile.js'
import type { ReplayReport } from '../../src/replay/report/report.js'
import type { ReportPage } from '../../src/replay/report/report-page.js'
import { Clients, Differences, Rules } from './tables.js'
import { Timelines } from './timeline.js'
import { TradeOff } from './trade-off.js'
import { moment, number, part } from './words.js'

/** What a replay came to. */
export function Report({ trace, names, report, comparison, suggestion, yaml }: ReportPage) {
  const [one = '', other = ''] = names
  return (
    <main>
      <header>
        <h1>Replay of {trace}</h1>
        <p class="quiet">
          {number(report.requests.played)} requests from {moment(report.trace.from)} to{' '}
          {moment(report.trace.to)}, through {names.join(' and ')}
        </p>
      </header>
      <Figures report={report} name={comparison === undefined ? '' : one} />
      {comparison !== undefined && <Figures report={comparison.other} name={other} />}
      {suggestion !== undefined && <TradeOff suggestion={suggestion} yaml={yaml ?? ''} />}
      <Timelines report={report} name={comparison === undefined ? '' : one} />
      {comparison !== undefined && <Timelines report={comparison.other} name={other} />}
      <Rules report={report} name={comparison === undefined ? '' : one} />
      {comparison !== undefined && <Rules report={comparison.other} name={other} />}
      {comparison !== undefined && comparison.clients.length > 0 && (
        <Differences clients={comparison.clients} names={[one, other]} />
      )}
      <Clients report={report} />
      <Notes report={report} />
    </main>
  )
}

function Figures({ report, name }: { readonly report: ReplayReport; readonly name: string }) {
  const { requests, tokens, longestLockout, waits } = report
  const { played, refused, falselyRefused, allowed } = requests
  return (
    <section aria-label={name === '' ? 'In short' : name}>
      {name !== '' && <h2>{name}</h2>}
      <Tiles>
        <Tile title="Requests" figure={number(played)} below={`${number(allowed)} let in`} />
        <Tile title="Refused" figure={number(refused)} below={part(refused, played)} />
        <Tile
          title="Refused falsely"
          figure={number(falselyRefused)}
          below="a perfect limiter would have let them in"
        />
        <Tile
          title="Longest lock-out"
          figure={longestLockout === null ? 'none' : duration(longestLockout.length)}
          below={longestLockout?.client}
        />
        <Tile
          title="Waited for a slot"
          figure={number(waits?.count ?? 0)}
          below={waits === null ? '' : `p95 ${duration(waits.p95)}`}
        />
        <Tile
          title="Tokens let in"
          figure={number(tokens.admitted)}
          below={tokens.offered === 0 ? 'none were recorded' : `of ${number(tokens.offered)}`}
        />
      </Tiles>
    </section>
  )
}

function Notes({ report }: { readonly report: ReplayReport }) {
  const { bad, late } = report.trace
  const lines = [
    ...report.notes,
    ...(bad.count > 0 ? [`${number(bad.count)} lines could not be read.`] : []),
    ...bad.first.map(({ line, problem }) => `Line ${line}: ${problem}.`),
    ...(late > 0 ? [`${number(late)} requests were out of order, and were played late.`] : []),
    ...report.reasons.map(({ why, count }) => `${number(count)} requests: ${why}.`),
  ]
  if (lines.length === 0) return null
  return (
    <Panel id="notes" title="What is to be known">
      <ul class="notes">
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </Panel>
  )
}
