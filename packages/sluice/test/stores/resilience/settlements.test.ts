import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Charge, type Settlement, type Store, settlementOf } from '../../../src/stores/store.js'
import { one, slot } from './charges.js'
import { storeWithOutages } from './losable-store.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Takes a charge and returns its settlement at a cost. */
async function takeToSettle(store: Store, charge: Charge, cost: number) {
  const [verdict] = await store.take([charge])
  if (!verdict?.allowed) return expect.fail('the charge was refused')
  return settlementOf(charge, verdict, cost)
}

describe('the failure policy', () => {
  it('sends settlements once the store has recovered', async () => {
    const { inner, store, startOutage, endOutage, left } = storeWithOutages()
    const refund = await takeToSettle(store, { ...one, cost: 6 }, 2)
    const slots = await takeToSettle(store, slot('a'), 0)
    const debt = await takeToSettle(store, { ...one, key: 'bob' }, 5)
    await startOutage()
    for (const settlement of [refund, slots, debt]) expect(store.settle([settlement])).toBeUndefined()
    expect(store.stats()).toMatchObject({ settlementsWaiting: 3, settlementsLost: 0 })
    expect(inner.settled).toEqual([])
    await endOutage()
    expect(inner.settled).toEqual([refund, slots, debt])
    expect(await left(one)).toBe(8)
    expect(await left(slot('b'))).toBe(2)
    expect(await left({ ...one, key: 'bob' })).toBe(5)
    expect(store.stats()).toMatchObject({ settlementsWaiting: 0, settlementsLost: 0 })
  })

  it('sends an unconfirmed refund only once, so that nothing is refunded twice', async () => {
    const { inner, store, endOutage, left } = storeWithOutages()
    const refund = await takeToSettle(store, { ...one, cost: 6 }, 3)
    await store.take([{ ...one, cost: 4 }])
    inner.mode = 'hangs'
    const settled = store.settle([refund])
    await vi.advanceTimersByTimeAsync(101)
    await settled
    expect(store.stats()).toMatchObject({ settlementsWaiting: 0, settlementsLost: 1 })
    await endOutage()
    expect(await left(one)).toBe(3)
    expect(inner.settled).toEqual([refund])
  })

  it('retries an unconfirmed release, at most three times', async () => {
    const { inner, store, left } = storeWithOutages({ failures: 100 })
    const release = await takeToSettle(store, slot('a'), 0)
    inner.settle = () => Promise.reject(new Error('connection reset'))
    await store.settle([release])
    expect(store.stats()).toMatchObject({ settlementsWaiting: 1, settlementsLost: 0 })
    await store.peek([one])
    await vi.advanceTimersByTimeAsync(1)
    expect(store.stats()).toMatchObject({ settlementsWaiting: 1, settlementsLost: 0 })
    await store.peek([one])
    await vi.advanceTimersByTimeAsync(1)
    expect(store.stats()).toMatchObject({ settlementsWaiting: 0, settlementsLost: 1 })
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await left(slot('b'))).toBe(2)
  })

  it('releases a slot even if the first attempt fails', async () => {
    const { inner, store, left } = storeWithOutages({ failures: 100 })
    const release = await takeToSettle(store, slot('a'), 0)
    inner.mode = 'refuses'
    await store.settle([release])
    inner.mode = 'up'
    expect(await left(slot('b'))).toBe(1)
    await store.peek([one])
    await vi.advanceTimersByTimeAsync(1)
    expect(await left(slot('b'))).toBe(2)
    expect(store.stats()).toMatchObject({ settlementsWaiting: 0, settlementsLost: 0 })
  })

  it('does not send a renewal late, because its lease may have ended', async () => {
    const { inner, store, startOutage, endOutage } = storeWithOutages()
    const renewal = await takeToSettle(store, slot('a'), 1)
    await startOutage()
    store.settle([renewal])
    expect(store.stats()).toMatchObject({ settlementsWaiting: 0, settlementsLost: 0 })
    await endOutage()
    expect(inner.settled).toEqual([])
  })

  it('drops a refund whose charge has expired', async () => {
    const { inner, store, startOutage, endOutage } = storeWithOutages()
    const refund = await takeToSettle(store, { ...one, cost: 6 }, 2)
    const release = await takeToSettle(store, slot('a'), 0)
    const debt = await takeToSettle(store, { ...one, key: 'bob' }, 5)
    await startOutage()
    store.settle([refund, release, debt])
    await vi.advanceTimersByTimeAsync(3_600_000)
    await endOutage()
    expect(inner.settled).toEqual([debt])
    expect(store.stats()).toMatchObject({ settlementsWaiting: 0, settlementsLost: 0 })
  })

  it('queues settlements in bounded memory and counts the evicted ones as lost', async () => {
    const { inner, store, startOutage, endOutage } = storeWithOutages({ maxWaiting: 250 })
    const settlements: Settlement[] = []
    for (let key = 0; key < 300; key++)
      settlements.push(await takeToSettle(store, { ...one, key: String(key) }, 0))
    await startOutage()
    for (const settlement of settlements) store.settle([settlement])
    expect(store.stats()).toMatchObject({ settlementsWaiting: 250, settlementsLost: 50 })
    await endOutage()
    expect(inner.settled).toEqual(settlements.slice(50))
    expect(inner.calls.settle).toBe(3)
  })

  it('keeps settlements queued when the store fails again', async () => {
    const { inner, store, startOutage, endOutage } = storeWithOutages()
    const settlements: Settlement[] = []
    for (let index = 0; index < 150; index++)
      settlements.push(await takeToSettle(store, { ...slot(`${index}`), key: `${index}` }, 0))
    await startOutage()
    store.settle(settlements)
    inner.mode = 'up'
    await vi.advanceTimersByTimeAsync(1000)
    const probe = store.peek([one])
    const settle = inner.settle.bind(inner)
    inner.settle = () => Promise.reject(new Error('connection reset'))
    await probe
    await vi.advanceTimersByTimeAsync(1)
    expect(store.stats()).toMatchObject({ state: 'open', settlementsWaiting: 150, settlementsLost: 0 })
    inner.settle = settle
    await endOutage()
    expect(inner.settled).toHaveLength(150)
  })

  it('never fails a request because its settlement fails', async () => {
    for (const policy of ['open', 'closed', 'local'] as const) {
      for (const mode of ['hangs', 'refuses', 'throws'] as const) {
        const { inner, store } = storeWithOutages({ policy })
        const settlement = await takeToSettle(store, one, 0)
        inner.mode = mode
        const settled = Promise.resolve(store.settle([settlement]))
        await vi.advanceTimersByTimeAsync(101)
        await expect(settled).resolves.toBeUndefined()
      }
    }
  })

  it('sends nothing after the store is closed', async () => {
    const { inner, store, startOutage } = storeWithOutages()
    const settlement = await takeToSettle(store, one, 0)
    await startOutage()
    store.settle([settlement])
    inner.resume()
    await store.close()
    await vi.advanceTimersByTimeAsync(1000)
    await store.peek([one])
    await vi.advanceTimersByTimeAsync(1)
    expect(inner.settled).toEqual([])
  })
})
