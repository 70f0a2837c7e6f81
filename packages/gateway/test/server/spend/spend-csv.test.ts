import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spendCsv } from '../../../src/server/admin/spend/spend-csv.js'

const row = (name: string) => ({
  ...{ name, currency: 'USD', amount: '12.34', requests: 2 },
  ...{ inputTokens: 30, cachedTokens: 10, outputTokens: 5 },
})

/** Parses CSV as RFC 4180 describes it. */
function parse(text: string): string[][] {
  const rows: string[][] = []
  let cells: string[] = []
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text)
    if (match === null) throw new Error(`not CSV: ${JSON.stringify(text)}`)
    cells.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'))
    if (match[3] === ',') continue
    rows.push(cells)
    cells = []
  }
  return rows
}

const nameIn = (name: string) => parse(spendCsv({ by: 'client', rows: [row(name)] }))[1]?.[0]

describe('spendCsv', () => {
  it('writes a header and a line for each row', () => {
    expect(spendCsv({ by: 'team', rows: [row('red'), row('')] })).toBe(
      'team,currency,amount,requests,input_tokens,cached_tokens,output_tokens\r\n' +
        'red,USD,12.34,2,30,10,5\r\n' +
        ',USD,12.34,2,30,10,5\r\n',
    )
  })

  it.each([
    ['=1+1', "'=1+1"],
    ["=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['  =1', "'  =1"],
    ['\t=1', '?=1'],
    ['\r\n=1', '??=1'],
    ['\uFF1D1+1', "'\uFF1D1+1"],
    ["'=1", "''=1"],
    ['a=1', 'a=1'],
    ['a,"b"\n', 'a,"b"?'],
    ['x;=1+1', 'x;=1+1'],
    ['\u202Egnp', '?gnp'],
  ])('marks a name that a spreadsheet would evaluate: %j', (name, cell) => {
    expect(nameIn(name)).toBe(cell)
  })

  it('quotes names with the separators of other dialects', () => {
    expect(spendCsv({ by: 'client', rows: [row('x;=1')] })).toContain('\n"x;=1",USD')
  })

  it('keeps the cells of any name in their columns, and begins none with a formula', () => {
    const part = fc.oneof(fc.constantFrom(...'=+-@\',;"\r\n\t |', '\uFF1D'), fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => parts.join('')),
        (name) => {
          const rows = parse(spendCsv({ by: 'client', rows: [row(name), row('next')] }))
          expect(rows.map((cells) => cells.length)).toEqual([7, 7, 7])
          expect(rows[1]?.slice(1)).toEqual(rows[2]?.slice(1))
          expect(rows[1]?.[0]).not.toMatch(/^\s*[=+\-@\uFF1D\t\r\n]/)
        },
      ),
    )
  })
})
