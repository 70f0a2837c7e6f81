import { parseLimits } from 'sluice';
import { expect, it } from 'vitest';
import { Entries } from '../../src/replay/memory/entries.js';
import { TextHash } from '../../src/replay/memory/text-hash.js';
import { RuleTally } from '../../src/replay/tally/rule-tally.js';
it('what a tier took in its own, longer period counts, however many keys of shorter ones come and go', () => {
    const [short, long] = parseLimits('1/second; 1/day', { algorithm: 'sliding-log' });
    const quotaOf = (key, limit, allowed) => {
        const { low: keyLow, high: keyHigh } = new TextHash().of(key);
        return { rule: 0, limit, keyLow, keyHigh, cost: 1, allowed, remaining: 0, resetAfter: 0 };
    };
    const told = {
        route: 'POST /predict',
        name: 'requests',
        limit: short,
        resource: 'requests',
        enforced: true,
    };
    const rule = new RuleTally(told, new Entries());
    rule.weigh(quotaOf('first', short, true), true, false, 0);
    rule.weigh(quotaOf('gold', long, true), true, false, 0);
    for (let key = 0; key < 200_000; key++)
        rule.weigh(quotaOf(`${key}`, short, true), true, false, 1 + key / 10);
    expect(rule.isFalse(quotaOf('gold', long, false), 30_000)).toBe(false);
    expect(rule.isFalse(quotaOf('first', short, false), 30_000)).toBe(true);
});
