import type { SpendReport } from '../api/spend-report.js'

/**
 * Formats a report as CSV (RFC 4180): a header, then a line for each row, each ended by CR LF.
 *
 * Names come from clients and their tokens, so cells that a spreadsheet would evaluate as a formula
 * begin with an apostrophe, and control characters are replaced.
 */
export function spendCsv({ by, rows }: Pick<SpendReport, 'by' | 'rows'>): string {
  const header = [by, 'currency', 'amount', 'requests', 'input_tokens', 'cached_tokens', 'output_tokens']
  const lines = rows.map(({ name, currency, amount, requests, inputTokens, cachedTokens, outputTokens }) => [
    ...[safe(name), currency, amount],
    ...[requests, inputTokens, cachedTokens, outputTokens].map(String),
  ])
  return [header, ...lines].map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('')
}

/**
 * The characters with which a formula begins, also in their full-width form. An apostrophe is marked as
 * well, so that different names stay different. Spreadsheets ignore spaces before it.
 */
const FORMULA = /^\s*['=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/u

function safe(name: string): string {
  const printable = name.replaceAll(/\p{C}/gu, '?')
  return FORMULA.test(printable) ? `'${printable}` : printable
}

/** Cells with the separators of other dialects are quoted as well, so that no program splits them. */
function quoted(cell: string): string {
  return /[",;'\s]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
