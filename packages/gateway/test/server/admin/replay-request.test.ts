import { expect, it } from 'vitest'
import { readQuestion } from '../../../src/server/admin/replay/replay-request.js'

const ask = (query: string, posted = '') => readQuestion(new URLSearchParams(query), posted)

it('asks for all that was recorded, for hours, for another configuration, or for a wish', () => {
  expect(ask('')).toEqual({ hours: undefined, posted: undefined, wish: undefined })
  expect(ask('hours=6')).toMatchObject({ hours: 6 })
  expect(ask('hours=0.25', 'routes: []')).toMatchObject({ hours: 0.25, posted: 'routes: []' })
  expect(ask('suggest=refuse at most 1%25 of requests&rule=few&route=POST /predict').wish).toEqual({
    text: 'refuse at most 1% of requests',
    rule: 'few',
    route: 'POST /predict',
  })
})

it.each([
  ...['', '0', '0.0', '-1', '1e3', 'six', '8785', '99999', '6h', ' 6', 'Infinity', 'NaN', '1.'].map(
    (hours) => ({ query: `hours=${hours}`, wrong: "'hours' is a number such as 6" }),
  ),
  { query: 'hour=6', wrong: "'hour' is not asked for" },
  { query: 'hours=6&hours=7', wrong: "'hours' is not asked for, or twice" },
  { query: 'rule=few', wrong: "go with 'suggest'" },
  { query: 'suggest=everything', wrong: "'everything' is no wish" },
  { query: `suggest=refuse at most 1%25&rule=${'x'.repeat(1001)}`, wrong: "'rule' is too long" },
])('$query is told in one line what is wrong', ({ query, wrong }) => {
  expect(() => ask(query)).toThrow(wrong)
})

it('a wish and another configuration are not asked for together', () => {
  expect(() => ask('suggest=refuse at most 1%25', 'routes: []')).toThrow('two questions')
})
