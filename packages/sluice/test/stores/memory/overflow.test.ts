import { describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { type MemoryStore, memoryStore } from '../../../src/stores/memory/memory-store.js'
import type { Charge, StoreVerdict } from '../../../src/stores/store.js'
import { manualClock } from '../../../src/time/clock.js'
import { ALL, bucket, charge, inFlight, PERIOD, settlement } from '../conformance/harness.js'

function fullStore(maxKeys: number, limit: Limit = bucket()) {
  const clock = manualClock(1000)
  const store = memoryStore({ clock, maxKeys })
  for (let key = 0; key < maxKeys; key++) takeOne(store, charge(limit, 2, `known ${key}`))
  return { clock, store }
}

function takeOne(store: MemoryStore, one: Charge): StoreVerdict {
  return store.take([one])[0] as StoreVerdict
}

function remainingOf(store: MemoryStore, limit: Limit, key: string): number | undefined {
  return store.peek([charge(limit, 0, key)])[0]?.remaining
}

describe('a memory store with a maximum number of keys', () => {
  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('rejects a maximum of %s', (maxKeys) => {
    expect(() => memoryStore({ maxKeys })).toThrow(RangeError)
  })

  it.each(ALL)('%s: evicts no live key under a flood of new keys', (_algorithm, limitOf) => {
    const limit = limitOf()
    const { store } = fullStore(10, limit)
    takeOne(store, charge(limit, 2, 'known 3'))
    let admitted = 0
    for (let key = 0; key < 5000; key++)
      if (takeOne(store, charge(limit, 1, `fresh ${key}`)).allowed) admitted++
    expect(admitted).toBe(4)
    expect(store.keys).toBe(10)
    expect(takeOne(store, charge(limit, 1, 'known 3')).allowed).toBe(false)
    expect(takeOne(store, charge(limit, 2, 'known 4'))).not.toHaveProperty('overflow')
  })

  it('reports the overflow in the verdict and in a counter', () => {
    const { store } = fullStore(2)
    expect(store.overflowed).toBe(0)
    expect(takeOne(store, charge(bucket(), 1, 'fresh'))).toMatchObject({ allowed: true, overflow: true })
    expect(takeOne(store, charge(bucket(), 1, 'known 0'))).not.toHaveProperty('overflow')
    expect(store.overflowed).toBe(1)
  })

  it('shares one state per scope among unknown keys, and none between scopes', () => {
    const { store } = fullStore(2)
    for (const key of ['a', 'b', 'c', 'd'])
      expect(takeOne(store, charge(bucket(), 1, key)).allowed).toBe(true)
    expect(takeOne(store, charge(bucket(), 1, 'e')).allowed).toBe(false)
    expect(takeOne(store, charge(bucket(), 4, 'e', { scope: 'another' })).allowed).toBe(true)
  })

  it('counts the charges of one request in the shared state together', () => {
    const { store } = fullStore(2)
    const verdicts = store.take([charge(bucket(), 3, 'a'), charge(bucket(), 3, 'b')])
    expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, false])
    expect(
      store.take([charge(bucket(), 2, 'a'), charge(bucket(), 2, 'b')]).every((each) => each.allowed),
    ).toBe(true)
  })

  it('counts two charges to a key in one state, even with room for only one key', () => {
    const store = memoryStore({ clock: manualClock(), maxKeys: 1 })
    expect(store.take([charge(bucket(), 4), charge(bucket(), 4)]).every(({ allowed }) => allowed)).toBe(false)
    expect(store.take([charge(bucket(), 2), charge(bucket(), 2)]).every(({ allowed }) => allowed)).toBe(true)
    expect(store.keys).toBe(1)
    expect(takeOne(store, charge(bucket(), 1)).allowed).toBe(false)
  })

  it('reserves no room for a charge with cost 0', () => {
    const store = memoryStore({ clock: manualClock(), maxKeys: 1 })
    const verdicts = store.take([charge(bucket(), 0, 'a'), charge(bucket(), 1, 'b')])
    expect(verdicts[1]).not.toHaveProperty('overflow')
    expect(store.keys).toBe(1)
  })

  it.each(ALL)('%s: starts a new key from a copy of the shared state', (_name, limitOf) => {
    const limit = limitOf()
    const { clock, store } = fullStore(2, bucket(4, PERIOD / 2))
    for (let count = 0; count < 4; count++) takeOne(store, charge(limit, 1, 'fresh'))
    store.reset('scope', 'known 0')
    store.reset('scope', 'known 1')
    expect(takeOne(store, charge(limit, 1, 'fresh')).allowed).toBe(false)
    expect(takeOne(store, charge(limit, 1, 'fresher')).allowed).toBe(false)
    clock.advance(2 * PERIOD)
    expect(takeOne(store, charge(limit, 4, 'fresh'))).toMatchObject({ allowed: true, remaining: 0 })
    expect(takeOne(store, charge(limit, 4, 'fresher'))).toMatchObject({ allowed: true })
    expect(store.keys).toBe(2)
  })

  it('does not charge requests of a key with a copy to the shared state', () => {
    const { store } = fullStore(1)
    takeOne(store, charge(bucket(), 1, 'a'))
    store.reset('scope', 'known 0')
    expect(takeOne(store, charge(bucket(), 3, 'a'))).toMatchObject({ allowed: true, remaining: 0 })
    expect(takeOne(store, charge(bucket(), 3, 'b'))).toMatchObject({ allowed: true, overflow: true })
  })

  it('settles in the shared state and in its copy', () => {
    const { store } = fullStore(1)
    const one = charge(bucket(), 3, 'a')
    const verdict = takeOne(store, one)
    store.reset('scope', 'known 0')
    takeOne(store, charge(bucket(), 1, 'a'))
    store.settle([settlement(one, verdict, 1)])
    expect(remainingOf(store, bucket(), 'a')).toBe(2)
    expect(remainingOf(store, bucket(), 'b')).toBe(3)
  })

  it('ends a lease of the shared state in its copy as well', () => {
    const { store } = fullStore(1)
    const one = charge(inFlight(), 2, 'a', { scope: 'slots' })
    const verdict = takeOne(store, one)
    store.reset('scope', 'known 0')
    takeOne(store, charge(inFlight(), 1, 'a', { scope: 'slots' }))
    store.settle([settlement(one, verdict, 0)])
    expect(store.peek([charge(inFlight(), 0, 'a', { scope: 'slots' })])[0]?.remaining).toBe(3)
  })

  it('charges the debt of a key whose state has expired to the shared state', () => {
    const { clock, store } = fullStore(1)
    const one = charge(bucket(), 1, 'gone')
    const verdict = { ...takeOne(memoryStore({ clock }), one) }
    for (const key of ['a', 'b', 'c']) takeOne(store, charge(bucket(), 1, key))
    store.settle([settlement(one, verdict, 2)])
    expect(takeOne(store, charge(bucket(), 1, 'd')).allowed).toBe(false)
  })

  it('refunds nothing to the shared state for a key whose state has expired', () => {
    const { clock, store } = fullStore(1)
    const one = charge(bucket(), 4, 'gone')
    const verdict = takeOne(memoryStore({ clock }), one)
    takeOne(store, charge(bucket(), 4, 'a'))
    store.settle([settlement(one, verdict, 0)])
    expect(takeOne(store, charge(bucket(), 1, 'b')).allowed).toBe(false)
  })

  it('stores new keys again as soon as there is room', () => {
    const { clock, store } = fullStore(100)
    expect(takeOne(store, charge(bucket(), 1, 'early'))).toHaveProperty('overflow')
    clock.advance(PERIOD)
    let own = 0
    for (let key = 0; key < 50; key++) if (!takeOne(store, charge(bucket(), 1, `late ${key}`)).overflow) own++
    expect(own).toBe(50)
  })

  it('locks no key out for longer than a period when the clock is set back to a time before the shared state', () => {
    const { clock, store } = fullStore(1)
    clock.advance(1e9)
    store.take([charge(bucket(), 2, 'known')])
    takeOne(store, charge(bucket(), 4, 'a'))
    clock.advance(-1e9)
    store.reset('scope', 'known')
    store.reset('scope', 'known 0')
    expect(takeOne(store, charge(bucket(), 1, 'b')).allowed).toBe(false)
    clock.advance(PERIOD)
    expect(takeOne(store, charge(bucket(), 1, 'b')).allowed).toBe(true)
  })
})
