import { describe, expect, it } from 'vitest'
import { jsonMemory } from '../../../src/policy/body/json-memory.js'
import { parsingMemory } from '../../../src/policy/body/parsing-memory.js'

function estimate(json: string): number {
  return jsonMemory(Buffer.from(json))
}

/** Measures the heap that a parsed value retains. The minimum of five runs excludes garbage. */
function measureHeap(json: string): number {
  const parsedValues: unknown[] = []
  const growths = Array.from({ length: 5 }, () => {
    const before = process.memoryUsage().heapUsed
    parsedValues.push(JSON.parse(json))
    return process.memoryUsage().heapUsed - before
  })
  expect(parsedValues).toHaveLength(5)
  return Math.min(...growths)
}

describe('the estimated memory for parsing', () => {
  it.each([
    ['empty lists', '[]'],
    ['empty objects', '{}'],
    ['lists in lists', '[[[[[]]]]]'],
    ['objects in objects', '{"a":{"a":{"a":{}}}}'],
    ['objects with a number as a name', '{"99999":0}'],
    ['numbers', '1.5'],
    ['escapes', '"\\n"'],
    ['escapes beyond ASCII', '"\\u0101\\u0102"'],
    ['characters beyond ASCII', '"\u0101\u0102"'],
  ])('is at least half the measured memory for %s', (_, value) => {
    const json = `[${Array.from({ length: 20_000 }, () => value).join()}]`
    expect(estimate(json)).toBeGreaterThan(measureHeap(json) / 2)
  })

  it('is at least half the measured memory for an object with many different names', () => {
    const members = Array.from({ length: 20_000 }, (_, index) => `"${index.toString(36)}":0`)
    const json = `{${members.join()}}`
    expect(estimate(json)).toBeGreaterThan(measureHeap(json) / 2)
  })

  it('is a small multiple of the size for strings of any content', () => {
    const text = 'one, two: [three] {four} \\" five, '.repeat(1000)
    const json = JSON.stringify({ prompt: text })
    expect(estimate(json)).toBeLessThan(2 * json.length + 1000)
    expect(estimate(JSON.stringify({ prompt: '文'.repeat(1000) }))).toBeLessThan(4 * 3000 + 1000)
  })

  it('is positive for invalid JSON', () => {
    for (const text of ['', '"', '"\\', '[[[[', '{"a', '\u0000', '"a":'])
      expect(estimate(text)).toBeGreaterThan(0)
    expect(estimate('['.repeat(1000))).toBeGreaterThan(60_000)
  })

  it('depends only on the number of fields for a form', () => {
    const form = Buffer.from('a=1&'.repeat(1000))
    expect(parsingMemory(form, 'form')).toBeGreaterThan(200_000)
    expect(parsingMemory(Buffer.from('a=[,,,,]'), 'form')).toBeLessThan(1000)
  })
})
