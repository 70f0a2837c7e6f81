import type { ReportPage } from './report-page.js'

const PLACE = '<script type="application/json" id="replay">null</script>'

/** Puts a report into the page that is built for one. */
export function filledPage(template: string, page: ReportPage): string {
  // In JSON, "<" occurs in texts only. So nothing that a client sent can end the script.
  const json = JSON.stringify(page).replaceAll('<', '\\u003c')
  return template.replace(PLACE, () => PLACE.replace('null', () => json))
}
