import type { ReportPage } from '../../../src/replay/html/fill-template.js'
import type { ReplayReport } from '../../../src/replay/report/report.js'

/** A replayed policy: the only one, or one side of a comparison. */
export interface Side {
  /** Empty if only one policy was replayed. */
  readonly name: string
  /** Makes element ids unique. */
  readonly id: 'one' | 'other'
  readonly report: ReplayReport
}

export function sidesOf({
  names: [one = '', other = ''],
  report,
  comparison,
}: Pick<ReportPage, 'names' | 'report' | 'comparison'>): readonly Side[] {
  if (comparison === undefined) return [{ name: '', id: 'one', report }]
  return [
    { name: one, id: 'one', report },
    { name: other, id: 'other', report: comparison.other },
  ]
}

/** Appends the policy's name to a title if two policies are compared: `Rules · today.yaml`. */
export function titleOf(title: string, { name }: Pick<Side, 'name'>): string {
  return name === '' ? title : `${title} · ${name}`
}
