import { describe, expect, it } from 'vitest'
import { type ActChange, actId } from '../../../src/policy/acts/act.js'
import { entriesOf, readActs, versionAfter, versionNumber } from '../../../src/policy/acts/act-set.js'

const target = { route: 'POST /predict', rule: 'few', scope: 'POST /predict\nfew' }

const CHANGES: ActChange[] = [
  { act: 'block', client: 'acme' },
  { act: 'block', address: '10.0.0.0/8' },
  { act: 'override', client: 'acme', scale: 2 },
  { act: 'override', client: 'acme', target, limit: '5/minute' },
  { act: 'shadow', target, shadow: true },
  { act: 'limit', target, limit: 8 },
]

const act = (change: ActChange) => ({ id: actId(change), by: 'ada', reason: 'test', at: 1, ...change })

describe('a stored set of acts', () => {
  it('keeps every kind of act', () => {
    const acts = CHANGES.map(act)
    const set = readActs('3:ab', JSON.parse(JSON.stringify(acts)))
    expect(set).toEqual({ version: '3:ab', acts, unreadable: [] })
    expect(new Set(acts.map(({ id }) => id)).size).toBe(CHANGES.length)
  })

  it('keeps entries that it cannot read, without applying them', () => {
    const block = act({ act: 'block', client: 'acme' })
    const foreign = [
      { act: 'explode', id: 'x' },
      { ...block, client: 'umbrella' },
      { ...block, extra: 1 },
      act({ act: 'block', address: '10.0.0.1/8' }),
      act({ act: 'override', client: 'acme', scale: -1 }),
      'text',
      null,
    ]
    const set = readActs('1:', [block, ...foreign])
    expect(set.acts).toEqual([block])
    expect(entriesOf(set)).toEqual([block, ...foreign])
  })

  it.each([
    ['', []],
    ['x:1', []],
    ['1:', {}],
    ['1:', 'text'],
  ])('is rejected with the version %j and the entries %j', (version, entries) => {
    expect(() => readActs(version, entries)).toThrow(TypeError)
  })

  it('has versions that grow and differ', () => {
    expect(versionNumber(versionAfter('41:ab'))).toBe(42)
    expect(versionAfter('41:ab')).not.toBe(versionAfter('41:ab'))
    expect(readActs(versionAfter('0:'), []).acts).toEqual([])
  })
})
