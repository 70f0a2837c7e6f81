import { readFile } from 'node:fs/promises'
import { fillTemplate, type ReportPage } from './fill-template.js'

const TEMPLATE = new URL('../../../report-page/dist/index.html', import.meta.url)

/** The page without a report. */
export function reportTemplate(): Promise<string> {
  return readFile(TEMPLATE, 'utf8')
}

/** The page as one file, which asks for nothing else. */
export async function htmlOf(page: ReportPage): Promise<string> {
  return fillTemplate(await reportTemplate(), page)
}
