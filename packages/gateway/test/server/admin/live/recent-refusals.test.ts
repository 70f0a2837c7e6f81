import { createLimiter } from 'sluice'
import { describe, expect, it } from 'vitest'
import type { RequestSender } from '../../../../src/policy/policy-request.js'
import { RecentRefusals } from '../../../../src/server/admin/live/recent-refusals.js'

function refuse(refusals: RecentRefusals, requests: readonly RequestSender[]): void {
  const limiter = createLimiter<RequestSender>({
    rules: [
      { name: 'none', limit: { algorithm: 'fixed-window', limit: 1, period: 3_600_000 }, by: 'everyone' },
    ],
    listener: (event) => refusals.onLimiterEvent('POST /predict', event),
  })
  limiter.admit({ id: 'first', client: undefined, ip: '192.0.2.1' })
  for (const request of requests) limiter.admit(request)
}

const request = (index: number): RequestSender => ({
  id: `id-${index}`,
  client: index % 2 === 0 ? { id: `tenant-${index}` } : undefined,
  ip: '192.0.2.1',
  method: 'POST',
  path: `/predict/${index}`,
})

describe('RecentRefusals', () => {
  it('keeps the last 1,000 refusals and lists the newest 200', () => {
    const refusals = new RecentRefusals()
    refuse(
      refusals,
      Array.from({ length: 2345 }, (_, index) => request(index)),
    )
    const { refusals: listed, matching, kept, maxKept } = refusals.find({})
    expect([listed.length, matching, kept, maxKept]).toEqual([200, 1000, 1000, 1000])
    expect(listed.map(({ id }) => id)).toEqual(
      Array.from({ length: 200 }, (_, index) => `id-${2344 - index}`),
    )
    expect(refusals.find({ id: 'id-1344' }).matching).toBe(0)
    expect(refusals.find({ id: 'id-1345' }).refusals).toMatchObject([
      { route: 'POST /predict', rule: 'none', reason: 'exceeded', client: '192.0.2.1', method: 'POST' },
    ])
  })

  it('filters by text, rule, client and ID', () => {
    const refusals = new RecentRefusals()
    refuse(refusals, [request(1), request(2), request(3)])
    const found = (filter: Parameters<RecentRefusals['find']>[0]) =>
      refusals.find(filter).refusals.map(({ id }) => id)
    expect(found({ text: 'PREDICT/3' })).toEqual(['id-3'])
    expect(found({ text: 'tenant' })).toEqual(['id-2'])
    expect(found({ client: 'client tenant-2' })).toEqual(['id-2'])
    expect(found({ client: 'tenant-2' })).toEqual([])
    expect(found({ rule: 'none' })).toHaveLength(3)
    expect(found({ rule: 'none', id: 'id-1' })).toEqual(['id-1'])
  })

  it('cuts long strings', () => {
    const refusals = new RecentRefusals()
    const long = 'x'.repeat(10_000)
    refuse(refusals, [{ id: long, client: { id: long }, ip: '192.0.2.1', method: 'POST', path: `/${long}` }])
    const [refusal] = refusals.find({}).refusals
    expect(JSON.stringify(refusal).length).toBeLessThan(800)
  })
})
