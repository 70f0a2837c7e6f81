import { describe, expect, it } from 'vitest'
import { KeyUse } from '../../../src/server/identity/keys/key-use.js'

const MINUTE_MS = 60_000

describe('KeyUse', () => {
  it('returns the last minute of each key since it was asked', () => {
    const use = new KeyUse()
    use.note('a', 5 * MINUTE_MS)
    use.note('a', 5 * MINUTE_MS + 59_999)
    use.note('b', 6 * MINUTE_MS)
    expect([...use.drain()]).toEqual([
      ['a', 5],
      ['b', 6],
    ])
    use.note('b', 6 * MINUTE_MS + 1)
    expect(use.drain().size).toBe(0)
    use.note('b', 7 * MINUTE_MS)
    expect([...use.drain()]).toEqual([['b', 7]])
  })

  it('adds what others noted, and keeps the later minute', () => {
    const use = new KeyUse()
    use.note('a', 5 * MINUTE_MS)
    use.addAll(
      new Map([
        ['a', 4],
        ['b', 9],
      ]),
    )
    use.addAll(new Map([['b', 8]]))
    expect(Object.fromEntries(use.drain())).toEqual({ a: 5, b: 9 })
  })

  it('is bounded', () => {
    const use = new KeyUse()
    for (let key = 0; key < 150_000; key++) use.note(`key ${key}`, MINUTE_MS)
    expect(use.drain().size).toBe(100_000)
    use.addAll(new Map(Array.from({ length: 150_000 }, (_, key) => [`key ${key}`, 1] as const)))
    expect(use.drain().size).toBe(100_000)
  })
})
