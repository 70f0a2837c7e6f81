import { expect, it } from 'vitest'
import {
  count,
  duration,
  percent,
  perMinuteLabel,
  perSecondLabel,
  rate,
  wait,
} from '../../dashboard/src/components/format.js'

it.each([
  [0, '0'],
  [0.02, '<0.1'],
  [0.4, '0.4'],
  [9.94, '9.9'],
  [9.96, '10'],
  [312.4, '312'],
  [3420, '3.4K'],
])('formats the rate %s as %s', (value, text) => expect(rate(value)).toBe(text))

it.each([
  [0, '0'],
  [0.085, '85 µs'],
  [0.0042, '4.2 µs'],
  [1.25, '1.3 ms'],
  [999.4, '999 ms'],
  [3400, '3.4 s'],
  [125_000, '2 min 5 s'],
  [11_520_000, '3 h 12 min'],
  [180_000_000, '2 d 2 h'],
  [null, 'never'],
])('formats %s ms as %s', (value, text) => expect(duration(value)).toBe(text))

it('rounds a waiting time up', () => {
  expect(wait(1)).toBe('1 s')
  expect(wait(4001)).toBe('5 s')
  expect(wait(null)).toBe('never')
  expect(wait(61_000)).toBe('1 min 1 s')
  expect(wait(3_600_000 + 1)).toBe('1 h 1 min')
  expect(wait(86_399_000)).toBe('24 h')
  expect(wait(86_400_000 + 1)).toBe('1 d 1 h')
})

it('adds the unit to a rate', () => {
  expect(perSecondLabel(3.44)).toBe('3.4/s')
  expect(perMinuteLabel(120_000)).toBe('120K/min')
})

it('never rounds a small fraction down to 0 % or a large one up to 100 %', () => {
  expect(percent(0)).toBe('0 %')
  expect(percent(0.001)).toBe('<1 %')
  expect(percent(0.999)).toBe('99 %')
  expect(percent(1)).toBe('100 %')
})

it('abbreviates large counts', () => {
  expect(count(1243)).toBe('1,243')
  expect(count(1_234_567)).toBe('1.2M')
})
