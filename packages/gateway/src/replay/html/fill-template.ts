import type { Comparison } from '../report/comparison.js'
import type { ReplayReport } from '../report/report.js'
import type { Suggestion } from '../suggest/suggest.js'

/** Content of a report page. */
export interface ReportPage {
  /** Name of the trace. */
  readonly trace: string
  /** Names of the configurations, one or two. */
  readonly names: readonly string[]
  readonly report: ReplayReport
  readonly comparison?: Comparison | undefined
  readonly suggestion?: Suggestion | undefined
  /** The suggested part of the configuration. */
  readonly yaml?: string | undefined
}

const PLACEHOLDER = '<script type="application/json" id="replay">null</script>'

/** Inserts a report into the page template. */
export function fillTemplate(template: string, page: ReportPage): string {
  // In JSON, "<" occurs only in strings. Escaping it keeps client input from closing the script
  // element.
  const json = JSON.stringify(page).replaceAll('<', '\\u003c')
  return template.replace(PLACEHOLDER, () => PLACEHOLDER.replace('null', () => json))
}
