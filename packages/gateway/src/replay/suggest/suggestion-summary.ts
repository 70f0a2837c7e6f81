import { consoleTable } from '../report/console-table.js'
import { count, partOf, percent } from '../report/report-numbers.js'
import type { ClauseResult, SuggestedLimit, Suggestion } from './suggest.js'

/**
 * What a suggestion says, for a terminal.
 *
 * @param yamlOf the part of the configuration that has such a limit
 */
export function suggestionSummary(suggestion: Suggestion, yamlOf: (limit: string) => string): string {
  const { granted, nearest } = suggestion
  const rule = `'${suggestion.rule}' of ${suggestion.route}`
  const lines =
    granted !== null
      ? [
          `The tightest limit for ${rule} that grants the wish (now ${suggestion.current}):`,
          ...limitLines(granted),
          '',
          yamlOf(granted.text).trimEnd(),
        ]
      : [
          `No limit for ${rule} grants the wish.${nearest.length === 0 ? '' : ' The nearest that are possible:'}`,
          ...nearest.flatMap(limitLines),
          ...(nearest.length === 0 ? ['Whatever it is, other limits decide.'] : []),
        ]
  return [...lines, '', 'How it changes with the limit:', ...curveLines(suggestion)].join('\n')
}

function limitLines(limit: SuggestedLimit): string[] {
  const { text, clauses, requests, refused } = limit
  return [
    `  ${text}: refuses ${count(refused)} of all ${count(requests)} requests (${percent(partOf(refused, requests))})`,
    ...clauses.map(
      (clause) =>
        `    ${clause.granted ? 'granted' : 'NOT granted'}: ${clause.clause}: ${resultText(clause)}`,
    ),
  ]
}

function resultText({ clause, value, byOthers }: ClauseResult): string {
  if (!isPart(clause)) return `${count(value)} admitted at most`
  return `${percent(value)} refused${byOthers === 0 ? '' : `, ${percent(byOthers)} by other limits alone`}`
}

function isPart(clause: string): boolean {
  return /^refuse/i.test(clause)
}

function curveLines({ curve }: Suggestion): string[] {
  const [first] = curve
  if (first === undefined) return []
  const head = [
    'limit',
    'refused of all',
    ...first.clauses.map(({ clause }) => (isPart(clause) ? 'of those' : 'admitted at most')),
  ]
  const rows = curve.map(({ text, requests, refused, clauses }) => [
    text,
    percent(partOf(refused, requests)),
    ...clauses.map(
      ({ clause, value, granted }) =>
        `${isPart(clause) ? percent(value) : count(value)}${granted ? '' : ' !'}`,
    ),
  ])
  return consoleTable(head, rows, 1)
}
