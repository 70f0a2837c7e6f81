import { describe, expect, it } from 'vitest'
import { BodyMemoryError, ReadingMemory } from '../../src/http/reading-memory.js'

describe('ReadingMemory', () => {
  it('never exceeds its limit and releases each body once', () => {
    const memory = new ReadingMemory(100)
    const first = memory.begin(() => expect.fail('the body was evicted'))
    const second = memory.begin(() => expect.fail('the body was evicted'))
    first.take(60)
    second.take(40)
    expect(() => second.take(30)).toThrow(BodyMemoryError)
    expect(memory.held).toBe(100)
    first.release()
    first.release()
    expect(memory.held).toBe(40)
    expect(() => first.take(1)).toThrow(BodyMemoryError)
  })

  it('evicts the largest body for a smaller one', () => {
    const memory = new ReadingMemory(100)
    const evicted: string[] = []
    const [large, small, other] = ['large', 'small', 'other'].map((name) =>
      memory.begin(() => evicted.push(name)),
    )
    large?.take(60)
    small?.take(30)
    other?.take(20)
    expect(evicted).toEqual(['large'])
    expect(memory.held).toBe(50)
  })
})
