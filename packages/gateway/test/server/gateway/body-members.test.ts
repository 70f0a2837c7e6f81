import { describe, expect, it } from 'vitest'
import { checkStructure } from '../../../src/policy/body/json-structure.js'

/** Creates a seeded generator of numbers from 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

describe('checkStructure', () => {
  it('reports a duplicate member if and only if an object repeats a name, regardless of preceding objects', () => {
    for (let seed = 1; seed <= 2000; seed += 1) {
      const random = randomFrom(seed)
      let hasDuplicate = false
      const value = (depth: number): string => {
        const size = Math.floor(random() * (depth === 0 ? 14 : 5))
        if (depth > 3 || random() < 0.3) return '1'
        if (random() < 0.3) return `[${Array.from({ length: size }, () => value(depth + 1)).join()}]`
        const names = Array.from({ length: size }, () => `n${Math.floor(random() * 60)}`)
        if (new Set(names).size < size) hasDuplicate = true
        return `{${names.map((name) => `"${name}": ${value(depth + 1)}`).join()}}`
      }
      const text = `[${value(0)},${value(0)},${value(0)}]`
      const check = () => checkStructure(text)
      if (hasDuplicate) expect(check, `seed ${seed}: ${text}`).toThrow('occurs twice')
      else expect(check, `seed ${seed}: ${text}`).not.toThrow()
    }
  })

  it('reports a duplicate member at the end of a large object with the same beginning as an earlier one', () => {
    const members = Array.from({ length: 300 }, (_, index) => `"m${index}":0`).join()
    expect(() => checkStructure(`[{${members}},{${members}}]`)).not.toThrow()
    expect(() => checkStructure(`[{${members}},{${members},"m7":0}]`)).toThrow("'m7' occurs twice")
    expect(() => checkStructure(`[{${members}},{${members},"\\u006d7":0}]`)).toThrow("'m7' occurs twice")
  })
})
