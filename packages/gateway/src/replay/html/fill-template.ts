import type { Comparison } from '../report/comparison.js'
import type { ReplayReport } from '../report/report.js'
import type { Suggestion } from '../suggest/suggest.js'

/** What the page of a report shows. */
export interface ReportPage {
  /** What was replayed. */
  readonly trace: string
  /** Of the configurations, one or two. */
  readonly names: readonly string[]
  readonly report: ReplayReport
  readonly comparison?: Comparison | undefined
  readonly suggestion?: Suggestion | undefined
  /** The part of the configuration that was suggested. */
  readonly yaml?: string | undefined
}

const PLACE = '<script type="application/json" id="replay">null</script>'

/** Puts a report into the page that is built for one. */
export function fillTemplate(template: string, page: ReportPage): string {
  // In JSON, "<" occurs in texts only. So nothing that a client sent can end the script.
  const json = JSON.stringify(page).replaceAll('<', '\\u003c')
  return template.replace(PLACE, () => PLACE.replace('null', () => json))
}
