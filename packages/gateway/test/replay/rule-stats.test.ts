import { type Limit, parseLimits } from 'sluice'
import { expect, it } from 'vitest'
import { EntryPool } from '../../src/replay/columns/entry-pool.js'
import { StringHash } from '../../src/replay/columns/string-hash.js'
import { RuleStats } from '../../src/replay/stats/rule-stats.js'
import type { QuotaEvent } from '../../src/replay/stats/stats-events.js'

it('RuleStats keeps the charges of a tier with a long period while keys with short periods expire', () => {
  const [short, long] = parseLimits('1/second; 1/day', { algorithm: 'sliding-log' }) as [Limit, Limit]
  const quotaOf = (key: string, limit: Limit, allowed: boolean): QuotaEvent => {
    const { low: keyLow, high: keyHigh } = new StringHash().of(key)
    return { rule: 0, limit, keyLow, keyHigh, cost: 1, allowed, remaining: 0, overrun: 0, resetAfter: 0 }
  }
  const event = {
    route: 'POST /predict',
    name: 'requests',
    limit: short,
    resource: 'requests',
    enforced: true,
    penalized: false,
  }
  const rule = new RuleStats(event, new EntryPool())
  rule.record(quotaOf('first', short, true), true, false, 0)
  rule.record(quotaOf('gold', long, true), true, false, 0)
  for (let key = 0; key < 200_000; key++)
    rule.record(quotaOf(`${key}`, short, true), true, false, 1 + key / 10)
  expect(rule.isFalseRefusal(quotaOf('gold', long, false), 30_000)).toBe(false)
  expect(rule.isFalseRefusal(quotaOf('first', short, false), 30_000)).toBe(true)
})
