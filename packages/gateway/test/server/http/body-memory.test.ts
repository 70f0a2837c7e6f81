import { describe, expect, it } from 'vitest'
import { BodyBuffer } from '../../../src/server/http/body-buffer.js'
import { BodyMemory } from '../../../src/server/http/body-memory.js'
import { ChunkPacer } from '../../../src/server/http/chunk-pacer.js'

describe('BodyMemory', () => {
  it('never leases more than its limit, and reuses released memory', () => {
    const memory = new BodyMemory(100)
    const leases = ['a', 'b', 'c'].map((owner) => memory.lease(owner, () => {}))
    expect(leases.map((lease) => lease.grow(40))).toEqual([true, true, false])
    expect([memory.held, memory.refused]).toEqual([80, 1])
    for (const lease of leases) lease.release()
    leases[0]?.release()
    expect(memory.held).toBe(0)
    expect(leases[0]?.grow(1)).toBe(false)
  })

  it('evicts the largest body of the largest owner for a smaller body of another owner', () => {
    const memory = new BodyMemory(100)
    const evicted: string[] = []
    const hold = (owner: string, name: string, bytes: number) => {
      const lease = memory.lease(owner, () => evicted.push(name))
      expect(lease.grow(bytes)).toBe(true)
      return lease
    }
    hold('many', 'm1', 30)
    hold('many', 'm2', 20)
    const other = hold('other', 'o', 45)
    expect(memory.lease('new', () => {}).grow(10)).toBe(true)
    expect(evicted).toEqual(['m1'])
    // The largest body is refused more memory instead of being evicted.
    expect(other.grow(40)).toBe(false)
    expect(evicted).toEqual(['m1'])
  })

  it('evicts no body for a larger complete one that is being parsed', () => {
    const memory = new BodyMemory(100)
    const evict = () => expect.fail('the body was evicted')
    memory.lease('small', evict).grow(20)
    const read = memory.lease('large', evict)
    read.grow(40)
    read.complete(40)
    expect(read.grow(50)).toBe(false)
    expect(read.grow(40)).toBe(true)
    read.complete(40)
    expect(memory.held).toBe(60)
  })

  it('never evicts a complete body', () => {
    const memory = new BodyMemory(100)
    const complete = memory.lease('a', () => expect.fail('the body was evicted'))
    complete.grow(90)
    complete.complete(80)
    expect(memory.held).toBe(80)
    expect(memory.lease('b', () => {}).grow(30)).toBe(false)
  })
})

describe('BodyBuffer', () => {
  it.each([1, 7, 4096, 100_000, 1_000_000])(
    'uses at most the size of the body plus 64 KiB, for chunks of %d bytes',
    (size) => {
      const body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) % 251))
      let leased = 0
      const buffer = new BodyBuffer()
      for (let at = 0; at < body.length; at += size)
        buffer.append(body.subarray(at, at + size), (bytes) => {
          leased += bytes
          return true
        })
      expect(leased).toBeLessThanOrEqual(body.length + 64 * 1024)
      expect(buffer.take().equals(body)).toBe(true)
      expect(buffer.length).toBe(0)
    },
  )
})

describe('ChunkPacer', () => {
  it('delays tiny chunks of all connections together, but not large chunks', () => {
    let now = 0
    const pacer = new ChunkPacer(() => now)
    expect(pacer.delayAfter(1, 65_536)).toBe(0)
    expect(pacer.delayAfter(200, 65_536)).toBe(0)
    const one = pacer.delayAfter(10_000, 10_000)
    expect(one).toBeGreaterThan(90)
    expect(pacer.delayAfter(10_000, 10_000)).toBeCloseTo(2 * one)
    now = 3 * one
    expect(pacer.delayAfter(10_000, 10_000)).toBeCloseTo(one)
  })
})
