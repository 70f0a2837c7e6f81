import { alignedLines, printable } from '../policy/terminal-text.js'
import type { SpendReport, SpendRow } from '../server/admin/api/spend-report.js'
import type { ActClient } from './act-client.js'
import { exitCodeOf, requestAdmin, requestAdminText } from './admin-client.js'

export interface SpendOptions {
  readonly by?: string
  readonly month?: string
  readonly from?: string
  readonly to?: string
  readonly csv?: true
  readonly json?: true
}

/** Prints what clients have spent, as a table, CSV or JSON. @returns the exit code */
export function printSpend(client: ActClient, { csv, json, ...chosen }: SpendOptions): Promise<number> {
  const { out, err } = client.output
  if (csv && json) {
    err.write('sluice: write either --csv or --json\n')
    return Promise.resolve(1)
  }
  const query = new URLSearchParams({ ...chosen, format: csv ? 'csv' : 'json' })
  const path = `/api/spend?${query}`
  return exitCodeOf(client.output, async () => {
    if (csv) {
      const isCsv = (text: string) => /^[^\n]*,currency,amount,/.test(text)
      out.write(await requestAdminText(client, path, {}, isCsv))
      return
    }
    const isReport = ({ rows, totals }: Partial<SpendReport>) => Array.isArray(rows) && Array.isArray(totals)
    const report = await requestAdmin<SpendReport>(client, path, {}, isReport)
    if (json) out.write(`${JSON.stringify(report)}\n`)
    else for (const line of tableOf(report)) out.write(`${line}\n`)
    if (report.failure !== undefined) err.write(`recent spend may be missing: ${printable(report.failure)}\n`)
  })
}

const HEADINGS = ['amount', 'currency', 'requests', 'input tokens', 'cached', 'output tokens']

/** The names of rows whose requests have no such property. */
const NAMELESS: Readonly<Record<string, string>> = { client: '(anonymous)' }

function tableOf({ by, from, to, rows, totals, kept }: SpendReport): string[] {
  const period = `${from} to ${to} (UTC)`
  const note =
    kept === 'memory'
      ? ["what was spent before the gateway started is not known; 'state' names a file to keep it"]
      : []
  if (rows.length === 0) return [`nothing was spent from ${period}`, ...note]
  const table = [
    [by, ...HEADINGS],
    ...rows.map(({ name, ...sums }) => [nameOf(name, by), ...cellsOf(sums)]),
    ...totals.map((sums) => ['total', ...cellsOf(sums)]),
  ]
  // The name and the currency are text.
  const lines = alignedLines(table, (column) => column !== 0 && column !== 2)
  return [`spend from ${period}`, ...lines, ...note]
}

function nameOf(name: string, by: string): string {
  return name === '' ? (NAMELESS[by] ?? '(none)') : printable(name)
}

function cellsOf(sums: Omit<SpendRow, 'name'>): string[] {
  const { amount, currency, requests, inputTokens, cachedTokens, outputTokens } = sums
  return [amount, currency, ...[requests, inputTokens, cachedTokens, outputTokens].map(String)]
}
