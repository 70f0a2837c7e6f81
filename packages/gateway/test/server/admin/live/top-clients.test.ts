import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TopTalkers } from '../../../../src/server/admin/live/top-clients.js'

const MINUTE = 60_000

describe('top talkers', () => {
  it('are of the last 10 to 20 minutes', () => {
    const talkers = new TopTalkers()
    talkers.decided('a', true, 0)
    talkers.decided('b', false, 9 * MINUTE)
    talkers.decided('b', false, 11 * MINUTE)
    expect(talkers.read(11 * MINUTE).heaviest).toEqual([
      { client: 'b', count: 2, error: 0 },
      { client: 'a', count: 1, error: 0 },
    ])
    expect(talkers.read(11 * MINUTE).refused).toEqual([{ client: 'b', count: 2, error: 0 }])
    // A window later those of the first are gone, and after a long silence all are.
    expect(talkers.read(22 * MINUTE).heaviest).toEqual([{ client: 'b', count: 1, error: 0 }])
    expect(talkers.read(90 * MINUTE).heaviest).toEqual([])
  })

  it('stay within the error that they state, over two windows and far more clients than counters', () => {
    const sent = fc.record({ client: fc.oneof(fc.nat(2), fc.nat(5000)), minute: fc.nat(19) })
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1500, maxLength: 3000 }), (requests) => {
        const talkers = new TopTalkers()
        const exact = new Map<string, number>()
        for (const { client, minute } of requests.toSorted((a, b) => a.minute - b.minute)) {
          talkers.decided(`${client}`, true, minute * MINUTE)
          exact.set(`${client}`, (exact.get(`${client}`) ?? 0) + 1)
        }
        for (const { client, count, error } of talkers.read(19.5 * MINUTE).heaviest) {
          expect(count).toBeGreaterThanOrEqual(exact.get(client) ?? 0)
          expect(count - error).toBeLessThanOrEqual(exact.get(client) ?? 0)
          expect(error).toBeLessThanOrEqual(requests.length / 500)
        }
      }),
      { numRuns: 20 },
    )
  })
})
