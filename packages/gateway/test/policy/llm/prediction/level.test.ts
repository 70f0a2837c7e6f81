import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FULL_LEVEL, LOWEST_LEVEL, nextLevel } from '../../../../src/policy/llm/prediction/level.js'

const SEED = 20261203

it('a client whose every stream fails unless its maximum is reserved fails at most 0.001 · T + 11 times', () => {
  let level = LOWEST_LEVEL
  let failed = 0
  let mostAboveRate = 0
  for (let streams = 1; streams <= 200_000; streams += 1) {
    const fails = level < FULL_LEVEL
    if (fails) failed += 1
    level = nextLevel(level, fails)
    mostAboveRate = Math.max(mostAboveRate, failed - 0.001 * streams)
  }
  expect(mostAboveRate).toBeLessThanOrEqual(11)
  // The bound is reached, so a client cannot do worse than this one.
  expect(failed).toBeGreaterThan(200)
})

it('a client whose streams fail at will fails as rarely', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 2000 }), (wishes) => {
      let level = LOWEST_LEVEL
      let failed = 0
      let mostAboveRate = 0
      for (const [index, wish] of wishes.entries()) {
        const fails = wish && level < FULL_LEVEL
        if (fails) failed += 1
        level = nextLevel(level, fails)
        mostAboveRate = Math.max(mostAboveRate, failed - 0.001 * (index + 1))
      }
      expect(mostAboveRate).toBeLessThanOrEqual(11)
    }),
    { seed: SEED },
  )
})

it('the level stays within its bounds if even streams fail whose maximum is reserved', () => {
  let level = LOWEST_LEVEL
  for (let streams = 0; streams < 100; streams += 1) level = nextLevel(level, true)
  expect(level).toBeCloseTo(1.05)
  for (let streams = 0; streams < 100_000; streams += 1) level = nextLevel(level, false)
  expect(level).toBe(LOWEST_LEVEL)
})
