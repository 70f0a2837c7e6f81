import type { ReportPage } from '../../../src/replay/html/fill-template.js'
import { ComparisonTimelines } from './comparison-timelines.js'
import { Figures } from './figures.js'
import { Notes } from './notes.js'
import { Server } from './server.js'
import { sidesOf } from './sides.js'
import { Clients, Differences, Rules } from './tables.js'
import { Timelines } from './timelines.js'
import { TradeOff } from './trade-off.js'
import './report.css'

/** The report of one policy, or of two compared. */
export function ReportView(page: Omit<ReportPage, 'trace'>) {
  const { report, comparison, suggestion, yaml = '' } = page
  const sides = sidesOf(page)
  const [one, other] = sides
  return (
    <>
      {sides.map((side) => (
        <Figures key={side.id} {...side} />
      ))}
      {suggestion !== undefined && <TradeOff suggestion={suggestion} yaml={yaml} />}
      {one !== undefined && other !== undefined && <ComparisonTimelines one={one} other={other} />}
      {sides.map((side) => (
        <Timelines key={side.id} {...side} />
      ))}
      {sides.map((side) => (
        <Server key={side.id} {...side} />
      ))}
      {sides.map((side) => (
        <Rules key={side.id} {...side} />
      ))}
      {comparison !== undefined && comparison.clients.length > 0 && (
        <Differences clients={comparison.clients} names={page.names} />
      )}
      <Clients report={report} />
      <Notes report={report} />
    </>
  )
}
