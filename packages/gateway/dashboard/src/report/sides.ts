import type { ReportPage } from '../../../src/replay/html/fill-template.js'
import type { ReplayReport } from '../../../src/replay/report/report.js'

/** A replayed policy: the only one, or one side of a comparison. */
export interface Side {
  /** Empty if only one policy was replayed. */
  readonly name: string
  /** Makes element ids unique. */
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

/** Returns `Rules`, or `Rules · today.yaml` if two policies are compared. */
export function titleOf(title: string, { name }: Pick<Side, 'name'>): string {
  return name === '' ? title : `${title} · ${name}`
}
