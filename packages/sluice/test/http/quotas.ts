import fc from 'fast-check'
import type { Quota } from '../../src/limiter/decision.js'
import type { Limit } from '../../src/limits/limit.js'

export const minute: Limit = { algorithm: 'fixed-window', limit: 10, period: 60_000 }

/** The quota after the first request in a fixed window of ten per minute. */
export function quota(over: Partial<Quota> = {}): Quota {
  return {
    rule: 'requests',
    resource: 'requests',
    key: 'key',
    limit: minute,
    cost: 1,
    allowed: true,
    enforced: true,
    remaining: 9,
    resetAfter: 60_000,
    moreAfter: 60_000,
    retryAfter: 0,
    ...over,
  }
}

/** The quota of twenty dollars per day after a request of a quarter of a cent. */
export function moneyQuota(over: Partial<Quota> = {}): Quota {
  return quota({
    rule: 'money',
    resource: 'money',
    limit: { algorithm: 'fixed-window', limit: 20e9, period: 86_400_000, currency: 'USD' },
    cost: 2_500_000,
    remaining: 19_997_500_000,
    ...over,
  })
}

/** Any valid rule name: printable ASCII, including quotes and backslashes. */
export const ruleName = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 64,
})

const whole = (max: number) => fc.integer({ min: 1, max })
const period = fc.oneof(whole(100_000), fc.double({ min: 1, max: 3.1e11, noNaN: true }))

export const anyLimit: fc.Arbitrary<Limit> = fc.oneof(
  fc.record({
    algorithm: fc.constant('token-bucket' as const),
    limit: fc.oneof(whole(1e6), fc.double({ min: 0.001, max: 10, noNaN: true })),
    period,
    burst: whole(1e6),
  }),
  fc.record({
    algorithm: fc.constantFrom('fixed-window' as const, 'sliding-window' as const, 'sliding-log' as const),
    limit: whole(Number.MAX_SAFE_INTEGER),
    period,
  }),
  fc.record({
    algorithm: fc.constant('fixed-window' as const),
    limit: whole(Number.MAX_SAFE_INTEGER),
    period,
    currency: fc.constant('USD'),
  }),
  fc.record({ algorithm: fc.constant('concurrency' as const), limit: whole(1e6), lease: period }),
)
