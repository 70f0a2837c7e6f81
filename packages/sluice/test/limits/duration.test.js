import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { millisecondsIn, parseDuration, UNIT_NAMES } from '../../src/limits/duration.js';
import { formatLimit, formatPeriod, formatWait } from '../../src/limits/format.js';
describe('durations', () => {
    it.each([
        ['250ms', 250],
        ['30s', 30_000],
        ['1.5 minutes', 90_000],
        ['  2   hours ', 7_200_000],
        ['1d', 86_400_000],
        ['1 Week', 604_800_000],
        ['2.3s', 2300],
        ['1.1 s', 1100],
        ['0.5ms', 0.5],
        ['1H', 3_600_000],
        [1500, 1500],
        [0.25, 0.25],
    ])('%j is %d ms', (text, milliseconds) => {
        expect(parseDuration(text)).toBe(milliseconds);
    });
    it.each([
        '',
        's',
        '10',
        '-1s',
        '0s',
        '1 fortnight',
        '1M',
        '1s 2s',
        '1e3s',
        '.5s',
        '1.s',
        'Infinity',
        'constructor',
    ])('%j is none', (text) => {
        expect(() => parseDuration(text)).toThrow(RangeError);
        expect(() => parseDuration(text)).toThrow('30s');
    });
    it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('%d ms is none', (milliseconds) => {
        expect(() => parseDuration(milliseconds)).toThrow(RangeError);
    });
    it('any string is a length or a RangeError', () => {
        fc.assert(fc.property(fc.string({ maxLength: 30 }), (text) => {
            try {
                expect(parseDuration(text)).toBeGreaterThan(0);
            }
            catch (error) {
                expect(error).toBeInstanceOf(RangeError);
            }
        }), { seed: 20261124, numRuns: 5000 });
    });
    it('every unit that an error offers is one', () => {
        for (const name of UNIT_NAMES.split(', ')) {
            expect(millisecondsIn(name.replace('(s)', ''))).toBeGreaterThan(0);
            expect(millisecondsIn(name.replace('(s)', 's'))).toBeGreaterThan(0);
        }
    });
    it('a name that every object has is no unit', () => {
        for (const name of ['constructor', '__proto__', 'toString'])
            expect(millisecondsIn(name)).toBeUndefined();
    });
});
describe('as people read it', () => {
    it.each([
        [60_000, 'minute'],
        [300_000, '5 minutes'],
        [90_000, '90 seconds'],
        [1500, '1500 ms'],
        [1.5, '1.5 ms'],
        [604_800_000, 'week'],
        [1_209_600_000, '2 weeks'],
        [2_592_000_000, 'month'],
    ])('a period of %d ms is %j', (milliseconds, text) => {
        expect(formatPeriod(milliseconds)).toBe(text);
    });
    it.each([
        [0, '1 second'],
        [1, '1 second'],
        [1001, '2 seconds'],
        [119_999, '120 seconds'],
        [120_001, '3 minutes'],
        [10_800_000, '3 hours'],
    ])('a wait of %d ms is %j: never too short', (milliseconds, text) => {
        expect(formatWait(milliseconds)).toBe(text);
    });
    it('limits', () => {
        const period = 60_000;
        expect(formatLimit({ algorithm: 'token-bucket', limit: 10, period, burst: 10 })).toBe('10/minute');
        expect(formatLimit({ algorithm: 'token-bucket', limit: 10, period, burst: 20 })).toBe('10/minute burst 20');
        expect(formatLimit({ algorithm: 'fixed-window', limit: 10, period })).toBe('10/minute');
        expect(formatLimit({ algorithm: 'concurrency', limit: 4, lease: 1000 })).toBe('4 concurrent');
    });
});
