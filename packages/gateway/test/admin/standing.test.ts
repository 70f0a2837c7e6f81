import { parseLimits } from 'sluice'
import { expect, it } from 'vitest'
import { scaledLimitText } from '../../src/admin/live/standing.js'

it.each([
  ['60/minute', 1, '60/minute'],
  ['60/minute', 0.605964720544535, '36.36/minute'],
  ['60/minute burst 10', 0.2, '12/minute burst 2'],
  ['100/minute', 0.29, '29/minute'],
])('%s, of which a model that warms up has %s, is %s', (text, scale, scaled) => {
  const [limit] = parseLimits(text)
  expect(scaledLimitText(limit, scale)).toBe(scaled)
})
