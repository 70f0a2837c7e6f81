import { expect } from 'vitest';
import { capacityOf } from '../../src/limits/limit.js';
/** Sums of fractions come out a little different in another order; nearer than this to a whole number, either answer is right. */
const BLUR = 1e-6;
/**
 * What is said of a charge must be what its model says, now and at the moment that it names.
 *
 * `unit`: of the clock that it was decided by, in milliseconds.
 */
export function expectVerdict({ allowed, retryAfter }, { limit, cost }, model, unit = 0) {
    const spare = model.left() - cost;
    if (cost === 0 || spare === 0)
        expect(allowed).toBe(true);
    else if (Math.abs(spare) >= BLUR)
        expect(allowed).toBe(spare > 0);
    if (allowed)
        expect(retryAfter).toBe(0);
    else if (cost > capacityOf(limit))
        expect(retryAfter).toBe(Number.POSITIVE_INFINITY);
    else {
        expect(model.left(retryAfter + unit) - cost).toBeGreaterThanOrEqual(-BLUR);
        if (retryAfter > 1)
            expect(model.left(retryAfter - 1) - cost).toBeLessThan(0);
    }
}
/** `actual` is `exact` without its fraction. */
export function expectWhole(actual, exact) {
    const nearest = Math.round(exact);
    const blurred = exact !== nearest && Math.abs(exact - nearest) < BLUR;
    if (blurred)
        expect([nearest - 1, nearest]).toContain(actual);
    else
        expect(actual).toBe(Math.floor(exact));
}
