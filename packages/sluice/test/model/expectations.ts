import { expect } from 'vitest'
import { capacityOf, type Limit } from '../../src/limits/limit.js'
import type { KeyModel } from './key-model.js'

/** Tolerance around integers, since a sum of fractions depends on the order of addition. */
const TOLERANCE = 1e-6

/**
 * Expects a verdict to agree with its model, both now and at its retry time.
 *
 * @param unit the resolution of the clock that decides, in milliseconds
 */
export function expectVerdict(
  { allowed, retryAfter }: { readonly allowed: boolean; readonly retryAfter: number },
  { limit, cost }: { readonly limit: Limit; readonly cost: number },
  model: KeyModel,
  unit = 0,
): void {
  const spare = model.left() - cost
  if (cost === 0 || spare === 0) expect(allowed).toBe(true)
  else if (Math.abs(spare) >= TOLERANCE) expect(allowed).toBe(spare > 0)
  if (allowed) expect(retryAfter).toBe(0)
  else if (cost > capacityOf(limit)) expect(retryAfter).toBe(Number.POSITIVE_INFINITY)
  else {
    expect(model.left(retryAfter + unit) - cost).toBeGreaterThanOrEqual(-TOLERANCE)
    if (retryAfter > 1) expect(model.left(retryAfter - 1) - cost).toBeLessThan(0)
  }
}

/** Expects `actual` to be the integer part of `exact`. */
export function expectWhole(actual: number | undefined, exact: number): void {
  const nearest = Math.round(exact)
  const isNearWhole = exact !== nearest && Math.abs(exact - nearest) < TOLERANCE
  if (isNearWhole) expect([nearest - 1, nearest]).toContain(actual)
  else expect(actual).toBe(Math.floor(exact))
}
