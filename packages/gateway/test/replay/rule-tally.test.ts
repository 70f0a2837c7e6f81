import { type Limit, parseLimits, type Quota } from 'sluice'
import { expect, it } from 'vitest'
import { Entries } from '../../src/replay/memory/entries.js'
import { RuleTally } from '../../src/replay/tally/rule-tally.js'

it('what a tier took in its own, longer period counts, however many keys of shorter ones come and go', () => {
  const [short, long] = parseLimits('1/second; 1/day', { algorithm: 'sliding-log' }) as [Limit, Limit]
  const quotaOf = (key: string, limit: Limit, allowed: boolean): Quota => {
    const times = { resetAfter: 0, moreAfter: 0, retryAfter: 0 }
    const about = { rule: 'requests', resource: 'requests', key, limit, cost: 1, enforced: true }
    return { ...about, allowed, remaining: 0, ...times }
  }
  const rule = new RuleTally(0, 'POST /predict', 'requests', quotaOf('first', short, true), new Entries())
  rule.weigh(quotaOf('first', short, true), true, false, 0)
  rule.weigh(quotaOf('gold', long, true), true, false, 0)
  for (let key = 0; key < 200_000; key++)
    rule.weigh(quotaOf(`${key}`, short, true), true, false, 1 + key / 10)
  expect(rule.isFalse(quotaOf('gold', long, false), 30_000)).toBe(false)
  expect(rule.isFalse(quotaOf('first', short, false), 30_000)).toBe(true)
})
