import { describe, expect, it } from 'vitest'
import { parseSpendQuery } from '../../../src/server/admin/spend/spend-query.js'

const NOW = Date.parse('2026-11-30T23:59:59.999Z')
const parse = (query: string) => parseSpendQuery(new URLSearchParams(query), NOW)

describe('parseSpendQuery', () => {
  it.each([
    ['', { by: { kind: 'client', name: 'client' }, from: '2026-11-01', to: '2026-11-30', format: 'json' }],
    ['by=team&month=2026-02', { by: { kind: 'label', name: 'team' }, from: '2026-02-01', to: '2026-02-28' }],
    ['by=client.model&format=csv', { by: { kind: 'label', name: 'model' }, format: 'csv' }],
    ['by=day&from=2026-10-31&to=2026-11-01', { by: { kind: 'day' }, from: '2026-10-31', to: '2026-11-01' }],
    ['by=model&limit=100', { by: { kind: 'model' }, limit: 100 }],
  ])('reads %j', (query, expected) => {
    expect(parse(query)).toMatchObject(expected)
  })

  it.each([
    ['by=Team', "'by' must be client, model, route, day or the name of a label, such as team"],
    ['by=', "'by' must be client, model"],
    ['month=2026-13', "'month' must be a month such as 2026-11"],
    ['month=11', "'month' must be a month"],
    ['month=2026-11&from=2026-11-01', "write either 'month', or 'from' and 'to'"],
    ['from=2026-11-01', "'to' must be a day such as 2026-11-05"],
    ['from=2026-02-30&to=2026-03-01', "'from' must be a day"],
    ['from=2026-11-02&to=2026-11-01', "'from' must not be after 'to'"],
    ['from=2025-01-01&to=2026-11-01', 'the days must be within 14 months'],
    ['from=2026-01-01&to=2999-01-01', 'the days must be within 14 months'],
    ['format=xml', "'format' must be json or csv"],
    ['limit=0', "'limit' must be a number of rows from 1 to 100000"],
    ['limit=1e5', "'limit' must be a number"],
    ['group=team', "unknown parameter 'group'; use by, month, from, to, format, limit"],
    ['by=team&by=org', "write 'by' only once"],
  ])('rejects %j with one error', (query, message) => {
    expect(() => parse(query)).toThrow(message)
  })
})
