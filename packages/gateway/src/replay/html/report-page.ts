import { readFile } from 'node:fs/promises'
import { fillTemplate, type ReportPage } from './fill-template.js'

const TEMPLATE = new URL('../../../report-page/dist/index.html', import.meta.url)

/** Reads the page template. */
export function reportTemplate(): Promise<string> {
  return readFile(TEMPLATE, 'utf8')
}

/** Renders a report as a self-contained HTML page. */
export async function htmlOf(page: ReportPage): Promise<string> {
  return fillTemplate(await reportTemplate(), page)
}
