import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import type { Charge } from '../../../src/stores/store.js'
import { CLIENTS, type Connected, connect, type Running, startTopology, TOPOLOGIES } from './topologies.js'

const LIMITS: Record<string, Limit> = {
  'token-bucket': { algorithm: 'token-bucket', limit: 1, period: 3_600_000, burst: 10 },
  'fixed-window': { algorithm: 'fixed-window', limit: 10, period: 3_600_000 },
  calendar: { algorithm: 'fixed-window', limit: 10, period: 31_536_000_000, align: 'calendar' },
  'sliding-window': { algorithm: 'sliding-window', limit: 10, period: 3_600_000 },
  'sliding-log': { algorithm: 'sliding-log', limit: 10, period: 3_600_000 },
  concurrency: { algorithm: 'concurrency', limit: 10, lease: 3_600_000 },
}

let leases = 0

function charge(key: string, limit: Limit, cost = 1, enforce = true): Charge {
  return { scope: 'requests', key, limit, cost, enforce, lease: `lease ${leases++}` }
}

/** Returns one charge per algorithm. In a cluster, the keys are in several slots. */
function chargesOf(key: string, cost = 1): Charge[] {
  return Object.entries(LIMITS).map(([name, limit]) => charge(`${key} ${name}`, limit, cost))
}

describe.each(TOPOLOGIES)('%s', (topology) => {
  let running: Running
  const connected = new Map<string, Connected>()

  beforeAll(async () => {
    running = await startTopology(topology)
    for (const name of CLIENTS) connected.set(name, await connect(running, name, `${name}:`))
  })

  afterAll(async () => {
    for (const each of connected.values()) await each.close()
    await running?.stop()
  })

  describe.each(CLIENTS)('%s', (name) => {
    const store = () => (connected.get(name) as Connected).store

    it('takes from every limit or from none', async () => {
      const charges = chargesOf('all or none', 6)
      expect((await store().take(charges)).map(({ remaining }) => remaining)).toEqual([4, 4, 4, 4, 4, 4])
      const full = charge('all or none full', LIMITS['fixed-window'] as Limit, 10)
      await store().take([full])
      const verdicts = await store().take([...chargesOf('all or none', 3), full])
      expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, true, false])
      expect(verdicts.map(({ remaining }) => remaining)).toEqual([4, 4, 4, 4, 4, 4, 0])
      const after = await store().peek(chargesOf('all or none', 0))
      expect(after.map(({ remaining }) => remaining)).toEqual([4, 4, 4, 4, 4, 4])
    })

    it('takes a shadow charge if it fits, and never refuses a request because of it', async () => {
      const limit = LIMITS['fixed-window'] as Limit
      const shadow = (cost: number) => charge('shadow', limit, cost, false)
      const [, fits] = await store().take([charge('open', limit), shadow(8)])
      expect(fits).toMatchObject({ allowed: true, remaining: 2 })
      const [taken, exceeded] = await store().take([charge('open', limit), shadow(8)])
      expect([taken?.allowed, exceeded?.allowed, exceeded?.remaining]).toEqual([true, false, 2])
      const [refused] = await store().take([charge('open', limit, 11), shadow(1)])
      expect(refused).toMatchObject({ allowed: false, retryAfter: Number.POSITIVE_INFINITY })
      const [open, shadowQuota] = await store().peek([charge('open', limit, 0), shadow(0)])
      expect([open?.remaining, shadowQuota?.remaining]).toEqual([8, 2])
    })

    it('peeks the verdicts that a take would return', async () => {
      const charges = [
        charge('peek a', LIMITS['sliding-log'] as Limit, 4),
        charge('peek b', LIMITS['fixed-window'] as Limit, 11),
      ]
      const verdicts = await store().peek(charges)
      expect(verdicts.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
        [true, 10],
        [false, 10],
      ])
      const [only] = await store().peek(charges.slice(0, 1))
      expect(only).toMatchObject({ allowed: true, remaining: 6 })
      expect(await store().peek([])).toEqual([])
    })

    it('settles and resets charges', async () => {
      const charges = chargesOf('settled', 6)
      const verdicts = await store().take(charges)
      await store().settle(
        charges.map((each, index) => {
          const { at = 0, resetAfter = 0 } = verdicts[index] ?? {}
          return { charge: each, taken: { cost: 6, at, resetAfter, lease: each.lease }, cost: 2 }
        }),
      )
      const settled = await store().peek(chargesOf('settled', 0))
      expect(settled.map(({ remaining }) => remaining)).toEqual([8, 8, 8, 8, 8, 8])
      for (const { scope, key } of charges) await store().reset(scope, key)
      const fresh = await store().peek(chargesOf('settled', 0))
      expect(fresh.map(({ remaining }) => remaining)).toEqual([10, 10, 10, 10, 10, 10])
    })

    it('rejects an invalid cost and takes nothing', async () => {
      const good = charge('uncountable', LIMITS['token-bucket'] as Limit)
      const bad = charge('uncountable too', LIMITS['fixed-window'] as Limit, 0.5)
      await expect(store().take([good, bad])).rejects.toThrow(RangeError)
      const [after] = await store().peek([good])
      expect(after).toMatchObject({ remaining: 9 })
    })

    it('continues after a script flush, and starts with unused limits after a flush of all keys', async () => {
      const limit = LIMITS['sliding-log'] as Limit
      await store().take([charge('forgetful', limit, 4)])
      for (const node of running.nodes) await node.cli('script', 'flush')
      const together = Array.from({ length: 20 }, () => store().take([charge('forgetful', limit)]))
      const verdicts = (await Promise.all(together)).flat()
      expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(6)
      for (const node of running.nodes) await node.cli('flushall')
      const [restarted] = await store().take([charge('forgetful', limit)])
      expect(restarted).toMatchObject({ allowed: true, remaining: 9 })
    })

    it('admits exactly the limit when a thousand calls arrive at once', async () => {
      for (const [algorithm, limit] of Object.entries(LIMITS)) {
        const all = Array.from({ length: 1000 }, () =>
          store().take([charge(`contention ${algorithm}`, limit)]),
        )
        const verdicts = (await Promise.all(all)).flat()
        expect([algorithm, verdicts.filter(({ allowed }) => allowed).length]).toEqual([algorithm, 10])
      }
    })
  })
})

describe('a request whose rules share a key, in a cluster', () => {
  let running: Running

  beforeAll(async () => {
    running = await startTopology('cluster')
  })
  afterAll(() => running?.stop())

  it.each(CLIENTS)('is decided in one call to one node with %s', async (name) => {
    const { store, close } = await connect(running, name, `${name}:`)
    const charges = (key: string) =>
      Object.entries(LIMITS).map(([rule, limit]) => ({ ...charge(key, limit), scope: `route\n${rule}` }))
    // Each node loads the script on its first call.
    for (let key = 0; key < 40; key++) await store.take(charges(`first ${key}`))
    const before = await scriptCalls()
    for (let key = 0; key < 25; key++) {
      const verdicts = await store.take(charges(`client ${key}`))
      expect(verdicts.map(({ remaining }) => remaining)).toEqual([9, 9, 9, 9, 9, 9])
    }
    expect((await scriptCalls()) - before).toBe(25)
    await close()
  })

  async function scriptCalls(): Promise<number> {
    const stats = await Promise.all(running.nodes.map((node) => node.cli('info', 'commandstats')))
    return stats.reduce((sum, text) => sum + Number(/cmdstat_evalsha:calls=(\d+)/.exec(text)?.[1] ?? 0), 0)
  }
})
