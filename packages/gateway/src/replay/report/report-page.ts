import { readFile } from 'node:fs/promises'
import type { Comparison } from '../compare.js'
import type { Suggestion } from '../suggest/suggest.js'
import type { ReplayReport } from './report.js'

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

const TEMPLATE = new URL('../../../report-page/dist/index.html', import.meta.url)
const PLACE = '<script type="application/json" id="replay">null</script>'

/** The page as one file, which asks for nothing else. */
export async function htmlOf(page: ReportPage): Promise<string> {
  const template = await readFile(TEMPLATE, 'utf8')
  // In JSON, "<" occurs in texts only. So nothing that a client sent can end the script.
  const json = JSON.stringify(page).replaceAll('<', '\\u003c')
  return template.replace(PLACE, () => PLACE.replace('null', () => json))
}
