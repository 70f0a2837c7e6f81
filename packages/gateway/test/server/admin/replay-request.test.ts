import { expect, it } from 'vitest'
import { parseReplayRequest } from '../../../src/server/admin/replay/replay-request.js'

const parse = (query: string, posted = '') => parseReplayRequest(new URLSearchParams(query), posted)

it('parseReplayRequest reads the hours, a posted configuration and an objective', () => {
  expect(parse('')).toEqual({ hours: undefined, posted: undefined, objective: undefined })
  expect(parse('hours=6')).toMatchObject({ hours: 6 })
  expect(parse('hours=0.25', 'routes: []')).toMatchObject({ hours: 0.25, posted: 'routes: []' })
  expect(parse('suggest=refuse at most 1%25 of requests&rule=few&route=POST /predict').objective).toEqual({
    text: 'refuse at most 1% of requests',
    rule: 'few',
    route: 'POST /predict',
  })
})

it.each([
  ...['', '0', '0.0', '-1', '1e3', 'six', '8785', '99999', '6h', ' 6', 'Infinity', 'NaN', '1.'].map(
    (hours) => ({ query: `hours=${hours}`, error: "'hours' must be a number above 0" }),
  ),
  { query: 'hour=6', error: "unknown parameter 'hour'; expected hours, suggest, rule, route" },
  { query: 'hours=6&hours=7', error: "parameter 'hours' must appear only once" },
  { query: 'rule=few', error: "'rule' and 'route' require 'suggest'" },
  { query: 'suggest=everything', error: "'everything'" },
  {
    query: `suggest=refuse at most 1%25&rule=${'x'.repeat(1001)}`,
    error: "'rule' must not exceed 1000 characters",
  },
])('parseReplayRequest rejects $query with advice', ({ query, error }) => {
  expect(() => parse(query)).toThrow(error)
})

it('parseReplayRequest rejects an objective that is sent with a configuration', () => {
  expect(() => parse('suggest=refuse at most 1%25', 'routes: []')).toThrow('not both')
})
