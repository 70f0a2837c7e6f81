import { consoleTable } from '../report/console-table.js'
import { count, fractionOf, percent } from '../report/report-numbers.js'
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
          ...(nearest.length === 0 ? ['Other limits decide, regardless of this one.'] : []),
        ]
  return [...lines, '', 'Effect of other limits:', ...curveLines(suggestion)].join('\n')
}

function limitLines(limit: SuggestedLimit): string[] {
  const { text, clauses, requests, refused } = limit
  return [
    `  ${text}: refuses ${count(refused)} of all ${count(requests)} requests (${percent(fractionOf(refused, requests))})`,
    ...clauses.map(
      (clause) => `    ${clause.granted ? 'met' : 'NOT met'}: ${clause.clause}: ${resultText(clause)}`,
    ),
  ]
}

function resultText({ clause, value, byOthers }: ClauseResult): string {
  if (!isRefusalClause(clause)) return `${count(value)} admitted at most`
  return `${percent(value)} refused${byOthers === 0 ? '' : `, ${percent(byOthers)} by other limits alone`}`
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
    ...first.clauses.map(({ clause }) => (isRefusalClause(clause) ? 'refused (clause)' : 'admitted at most')),
  ]
  const rows = curve.map(({ text, requests, refused, clauses }) => [
    text,
    percent(fractionOf(refused, requests)),
    ...clauses.map(
      ({ clause, value, granted }) =>
        `${isRefusalClause(clause) ? percent(value) : count(value)}${granted ? '' : ' !'}`,
    ),
  ])
  return consoleTable(head, rows, 1)
}
