import { describe, expect, it } from 'vitest'
import { parseSpendQuery } from '../../../src/server/admin/spend/spend-query.js'
import { spendReport } from '../../../src/server/admin/spend/spend-report.js'
import { MemoryLedger } from '../../../src/server/spend/memory-ledger.js'
import { entryOf } from '../../../src/server/spend/spend-entry.js'

const NOW = Date.parse('2026-11-30T12:00:00Z')

/** Returns a ledger with the spend of one request for each line: its day, client, team and amount. */
async function ledgerOf(
  ...lines: readonly (readonly [string, string | undefined, string, number, string?])[]
) {
  const ledger = new MemoryLedger({ now: () => NOW })
  for (const [index, [day, id, team, units, currency = 'USD']] of lines.entries()) {
    const client = id === undefined ? undefined : { id, ...(team !== '' && { labels: { team } }) }
    const spent = { units, currency, client, model: 'big', route: 'POST /a', input: 10, cached: 4, output: 1 }
    const { month, key, spend } = entryOf(spent, Date.parse(`${day}T00:00:00Z`))
    await ledger.add({ writer: 'test', sequence: index + 1, month, entries: new Map([[key, spend]]) })
  }
  return ledger
}

const reportOf = (ledger: MemoryLedger, query: string) =>
  spendReport(ledger, parseSpendQuery(new URLSearchParams(query), NOW))

describe('spendReport', () => {
  it('sums the days of a period by label, the highest amounts first', async () => {
    const ledger = await ledgerOf(
      ['2026-10-31', 'ada', 'red', 1],
      ['2026-11-01', 'ada', 'red', 500_000_000],
      ['2026-11-15', 'bob', 'green', 2_000_000_000],
      ['2026-11-30', 'eve', 'red', 1_000_000_000],
      ['2026-11-30', undefined, '', 7],
    )
    const sums = { requests: 1, inputTokens: 10, cachedTokens: 4, outputTokens: 1 }
    expect(await reportOf(ledger, 'by=team&month=2026-11')).toEqual({
      ...{ by: 'team', from: '2026-11-01', to: '2026-11-30', count: 3, labels: ['team'], kept: 'memory' },
      rows: [
        { name: 'green', currency: 'USD', amount: '2', ...sums },
        {
          ...{ name: 'red', currency: 'USD', amount: '1.50', requests: 2 },
          ...{ inputTokens: 20, cachedTokens: 8, outputTokens: 2 },
        },
        { name: '', currency: 'USD', amount: '0.000000007', ...sums },
      ],
      totals: [
        {
          ...{ currency: 'USD', amount: '3.500000007', requests: 4 },
          ...{ inputTokens: 40, cachedTokens: 16, outputTokens: 4 },
        },
      ],
    })
    expect((await reportOf(ledger, 'by=client&from=2026-10-31&to=2026-10-31')).rows).toMatchObject([
      { name: 'ada', amount: '0.000000001' },
    ])
  })

  it('never adds amounts of different currencies', async () => {
    const ledger = await ledgerOf(
      ['2026-11-01', 'ada', 'red', 1_000_000_000],
      ['2026-11-01', 'ada', 'red', 2_000_000_000, 'EUR'],
    )
    const { rows, totals } = await reportOf(ledger, 'by=client')
    expect(rows.map(({ currency, amount }) => [currency, amount])).toEqual([
      ['EUR', '2'],
      ['USD', '1'],
    ])
    expect(totals.map(({ currency, amount }) => [currency, amount])).toEqual([
      ['EUR', '2'],
      ['USD', '1'],
    ])
  })

  it('sorts days by date, and cuts rows but not totals', async () => {
    const ledger = await ledgerOf(
      ['2026-11-09', 'ada', 'red', 1],
      ['2026-11-10', 'ada', 'red', 3],
      ['2026-11-02', 'ada', 'red', 2],
    )
    const { rows, count, totals } = await reportOf(ledger, 'by=day&limit=2')
    expect(rows.map(({ name }) => name)).toEqual(['2026-11-02', '2026-11-09'])
    expect([count, totals[0]?.amount]).toEqual([3, '0.000000006'])
  })

  it('rejects a label that nobody has, and lists the labels there are', async () => {
    const ledger = await ledgerOf(['2026-11-01', 'ada', 'red', 1])
    await expect(reportOf(ledger, 'by=tema')).rejects.toThrow(
      "no client with spend in this time has the label 'tema'; their labels are: team",
    )
    await expect(reportOf(await ledgerOf(['2026-11-01', 'ada', '', 1]), 'by=team')).rejects.toThrow(
      'they have no labels',
    )
    expect(await reportOf(ledger, 'by=team&month=2026-09')).toMatchObject({ rows: [], totals: [] })
  })
})
