import { describe, expect, it } from 'vitest'
import { AccessList, type ClientList } from '../../../src/policy/acts/access-list.js'
import { type Act, actId, type BlockTarget } from '../../../src/policy/acts/act.js'

const NOW = 1_000_000

function block(target: BlockTarget, until?: number): Act {
  const change = { act: 'block', ...target } as const
  return {
    id: actId(change),
    by: 'ada',
    reason: 'test',
    at: 0,
    ...(until !== undefined && { until }),
    ...change,
  }
}

const listOf = (list: Partial<ClientList>): ClientList => ({ clients: [], addresses: [], ...list })

describe('an access list', () => {
  it('is absent without entries', () => {
    expect(AccessList.of({}, [])).toBeUndefined()
    expect(AccessList.of({ deny: listOf({}), allow: listOf({}) }, [])).toBeUndefined()
  })

  it('blocks a client by its exact ID', () => {
    const list = AccessList.of({ deny: listOf({ clients: ['acme'] }) }, [
      block({ client: 'umbrella' }, NOW + 5),
    ])
    expect(list?.blockOfClient('acme', NOW)).toEqual({ reason: 'deny', until: undefined })
    expect(list?.blockOfClient('umbrella', NOW)).toEqual({ reason: 'test', until: NOW + 5 })
    for (const id of ['Acme', 'acme ', '__proto__', '']) expect(list?.blockOfClient(id, NOW)).toBeUndefined()
  })

  it('blocks an address in every notation', () => {
    const list = AccessList.of({ deny: listOf({ addresses: ['10.0.0.0/8'] }) }, [
      block({ address: '192.0.2.7' }),
    ])
    for (const address of [
      '10.9.8.7',
      '::ffff:10.9.8.7',
      '192.0.2.7',
      '::ffff:c000:207',
      '64:ff9b::c000:207',
    ])
      expect(list?.blockOfAddress(address, NOW), address).toMatchObject({ until: undefined })
    for (const address of ['11.0.0.1', '192.0.2.8', '::1', 'no address'])
      expect(list?.blockOfAddress(address, NOW), address).toBeUndefined()
  })

  it('stops blocking at the end of the block', () => {
    const list = AccessList.of({}, [block({ client: 'acme' }, NOW), block({ address: '192.0.2.7' }, NOW)])
    expect(list?.blockOfClient('acme', NOW - 1)).toEqual({ reason: 'test', until: NOW })
    expect(list?.blockOfClient('acme', NOW)).toBeUndefined()
    expect(list?.blockOfAddress('192.0.2.7', NOW - 1)).toEqual({ reason: 'test', until: NOW })
    expect(list?.blockOfAddress('192.0.2.7', NOW)).toBeUndefined()
  })

  it('reports the block that ends last', () => {
    const acts = [block({ address: '192.0.2.7' }, NOW + 1), block({ address: '192.0.2.0/24' }, NOW + 9)]
    expect(AccessList.of({}, acts)?.blockOfAddress('192.0.2.7', NOW)).toEqual({
      reason: 'test',
      until: NOW + 9,
    })
    const deny = listOf({ addresses: ['0.0.0.0/0'], clients: ['acme'] })
    const list = AccessList.of({ deny }, [...acts, block({ client: 'acme' }, NOW + 1)])
    expect(list?.blockOfAddress('192.0.2.7', NOW)).toEqual({ reason: 'deny', until: undefined })
    expect(list?.blockOfClient('acme', NOW)).toEqual({ reason: 'deny', until: undefined })
  })

  it('knows the clients that are never limited', () => {
    const list = AccessList.of({ allow: listOf({ clients: ['acme'] }) }, [])
    expect(list?.isAllowed('acme')).toBe(true)
    expect(list?.isAllowed('umbrella')).toBe(false)
  })
})
