import { readFile } from 'node:fs/promises'
import type { Comparison } from '../report/comparison.js'
import type { ReplayReport } from '../report/report.js'
import type { Suggestion } from '../suggest/suggest.js'
import { filledPage } from './fill-template.js'

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

/** The page without a report. */
export function reportTemplate(): Promise<string> {
  return readFile(TEMPLATE, 'utf8')
}

/** The page as one file, which asks for nothing else. */
export async function htmlOf(page: ReportPage): Promise<string> {
  return filledPage(await reportTemplate(), page)
}
