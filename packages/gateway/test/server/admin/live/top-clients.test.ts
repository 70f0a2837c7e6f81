import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TopClientCounter } from '../../../../src/server/admin/live/top-clients.js'

const MINUTE = 60_000

describe('the top clients', () => {
  it('cover the last 10 to 20 minutes', () => {
    const counter = new TopClientCounter()
    counter.record('a', true, 0)
    counter.record('b', false, 9 * MINUTE)
    counter.record('b', false, 11 * MINUTE)
    expect(counter.read(11 * MINUTE).heaviest).toEqual([
      { client: 'b', count: 2, error: 0 },
      { client: 'a', count: 1, error: 0 },
    ])
    expect(counter.read(11 * MINUTE).refused).toEqual([{ client: 'b', count: 2, error: 0 }])
    // One window later, the counts of the first window are dropped. After two windows without
    // requests, all counts are dropped.
    expect(counter.read(22 * MINUTE).heaviest).toEqual([{ client: 'b', count: 1, error: 0 }])
    expect(counter.read(90 * MINUTE).heaviest).toEqual([])
  })

  it('are within their stated error if there are more clients than counters', () => {
    const sent = fc.record({ client: fc.oneof(fc.nat(2), fc.nat(5000)), minute: fc.nat(19) })
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1500, maxLength: 3000 }), (requests) => {
        const counter = new TopClientCounter()
        const exact = new Map<string, number>()
        for (const { client, minute } of requests.toSorted((a, b) => a.minute - b.minute)) {
          counter.record(`${client}`, true, minute * MINUTE)
          exact.set(`${client}`, (exact.get(`${client}`) ?? 0) + 1)
        }
        for (const { client, count, error } of counter.read(19.5 * MINUTE).heaviest) {
          expect(count).toBeGreaterThanOrEqual(exact.get(client) ?? 0)
          expect(count - error).toBeLessThanOrEqual(exact.get(client) ?? 0)
          expect(error).toBeLessThanOrEqual(requests.length / 500)
        }
      }),
      { numRuns: 20 },
    )
  })
})
