import type { ReportPage } from '../../../src/replay/html/fill-template.js'
import type { ReplayReport } from '../../../src/replay/report/report.js'

/** One of one or two policies that were played. */
export interface Side {
  /** Empty where there is no other. */
  readonly name: string
  /** Tells it apart on the page. */
  readonly place: 'one' | 'other'
  readonly report: ReplayReport
}

export function sidesOf({
  names: [one = '', other = ''],
  report,
  comparison,
}: Pick<ReportPage, 'names' | 'report' | 'comparison'>): readonly Side[] {
  if (comparison === undefined) return [{ name: '', place: 'one', report }]
  return [
    { name: one, place: 'one', report },
    { name: other, place: 'other', report: comparison.other },
  ]
}

/** `Rules`, or `Rules · today.yaml` where there are two. */
export function titleOf(title: string, { name }: Pick<Side, 'name'>): string {
  return name === '' ? title : `${title} · ${name}`
}
