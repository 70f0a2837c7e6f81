import { parseLimits, scaleLimit } from 'sluice'
import { expect, it } from 'vitest'
import { roundedLimitText } from '../../../../src/policy/limit-text.js'

it.each([
  ['1234567/minute', 1, '1234567/minute'],
  ['60/minute', 0.605964720544535, '36.36/minute'],
  ['60/minute burst 10', 0.2, '12/minute burst 2'],
  ['100/minute', 0.29, '29/minute'],
])('formats %s at a warm-up scale of %s as %s', (text, scale, expected) => {
  const [limit] = parseLimits(text)
  expect(roundedLimitText(limit && scaleLimit(limit, scale))).toBe(expected)
})
