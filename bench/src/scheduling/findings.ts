import { median } from '../harness/statistics.js'
import { MAX_RATIO, type Row } from './experiment.js'
import type { SearchReport } from './search.js'

/** A figure over all seeds, and whether it met its target. */
export interface Finding extends Row {
  readonly experiment: string
  readonly median: number
  readonly worst: number
  /** Undefined for a figure without a target. */
  readonly met: boolean | undefined
}

export function findingOf(experiment: string, row: Row): Finding {
  const { values, better, target, worstTarget } = row
  const worst = better === 'less' ? Math.max(...values) : Math.min(...values)
  const middle = median(values)
  const isMet = (value: number, bound: number | undefined) =>
    bound === undefined || (better === 'less' ? value <= bound : value >= bound)
  const met =
    target === undefined && worstTarget === undefined
      ? undefined
      : isMet(middle, target) && isMet(worst, worstTarget)
  return { ...row, experiment, median: middle, worst, met }
}

export function findingsTable(findings: readonly Finding[]): string {
  const rows = findings.map(({ id, figure, median, worst, better, target, worstTarget, met }) => {
    const sign = better === 'less' ? '≤' : '≥'
    const bounds = [
      ...(target === undefined ? [] : [`${sign} ${rounded(target)}`]),
      ...(worstTarget === undefined ? [] : [`worst ${sign} ${rounded(worstTarget)}`]),
    ]
    const verdict = met === undefined ? '' : met ? 'met' : '**missed**'
    return `| ${[id, figure, rounded(median), rounded(worst), bounds.join(', '), verdict].join(' | ')} |`
  })
  return [
    '| | figure | median | worst of five | target | |',
    '| --- | --- | ---: | ---: | ---: | --- |',
    ...rows,
  ].join('\n')
}

export function searchTable(searches: readonly SearchReport[]): string {
  const rows = searches.map(({ contender, objective, tried, chosen }) => {
    const setting = Object.entries(chosen).map(([name, value]) => `${name} ${value}`)
    return `| ${[contender, objective, tried.length, setting.join(', ')].join(' | ')} |`
  })
  return ['| contender | best by | settings tried | chosen |', '| --- | --- | ---: | --- |', ...rows].join(
    '\n',
  )
}

/** Rounds to three significant digits, or to an integer from 100. */
function rounded(value: number): string {
  if (Number.isNaN(value)) return '–'
  if (value >= MAX_RATIO) return '∞'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}
