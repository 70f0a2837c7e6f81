import { consoleTable } from '../report/console-table.js'
import { formatNumber, formatPercent, fractionOf } from '../report/report-numbers.js'
import type { ClauseResult, SuggestedLimit, Suggestion } from './suggest.js'

/**
 * Formats a suggestion for a terminal.
 *
 * @param yamlOf returns the part of the configuration that contains a limit
 */
export function suggestionSummary(suggestion: Suggestion, yamlOf: (limit: string) => string): string {
  const { granted, nearest } = suggestion
  const rule = `'${suggestion.rule}' of ${suggestion.route}`
  const lines =
    granted !== null
      ? [
          `Tightest limit for ${rule} that meets the objective (currently ${suggestion.current}):`,
          ...limitLines(granted),
          '',
          yamlOf(granted.text).trimEnd(),
        ]
      : [
          `No limit for ${rule} meets the objective.${nearest.length === 0 ? '' : ' The nearest limits:'}`,
          ...nearest.flatMap(limitLines),
          ...(nearest.length === 0 ? ['Other rules determine the result, regardless of this limit.'] : []),
        ]
  return [...lines, '', 'Results of the limits tried:', ...curveLines(suggestion)].join('\n')
}

function limitLines(limit: SuggestedLimit): string[] {
  const { text, clauses, requests, refused } = limit
  return [
    `  ${text}: refuses ${formatNumber(refused)} of all ${formatNumber(requests)} requests (${formatPercent(fractionOf(refused, requests))})`,
    ...clauses.map(
      (clause) => `    ${clause.granted ? 'met' : 'NOT met'}: ${clause.clause}: ${resultText(clause)}`,
    ),
  ]
}

function resultText({ clause, value, byOthers, currency }: ClauseResult): string {
  if (!isRefusalClause(clause)) return `at most ${amountText(value, currency)} admitted`
  return `${formatPercent(value)} refused${byOthers === 0 ? '' : `, ${formatPercent(byOthers)} by other rules alone`}`
}

function amountText(value: number, currency: string | undefined): string {
  return currency === undefined ? formatNumber(value) : `${formatNumber(value)} ${currency}`
}

function isRefusalClause(clause: string): boolean {
  return /^refuse/i.test(clause)
}

function curveLines({ curve }: Suggestion): string[] {
  const [first] = curve
  if (first === undefined) return []
  const head = [
    'limit',
    'refused (all)',
    ...first.clauses.map(({ clause }) => (isRefusalClause(clause) ? 'refused (clause)' : 'peak admitted')),
  ]
  const rows = curve.map(({ text, requests, refused, clauses }) => [
    text,
    formatPercent(fractionOf(refused, requests)),
    ...clauses.map(
      ({ clause, value, granted, currency }) =>
        `${isRefusalClause(clause) ? formatPercent(value) : amountText(value, currency)}${granted ? '' : ' !'}`,
    ),
  ])
  return consoleTable(head, rows, 1)
}
