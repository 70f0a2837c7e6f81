import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { INLINED_MODULE, inlinedModule, readParts } from '../scripts/inline-lua.js'
import { lintLua } from '../scripts/lint-lua.js'

describe('the inlined Redis script', () => {
  it("is up to date with the .lua files (if not, run 'node scripts/inline-lua.js')", async () => {
    expect(await readFile(INLINED_MODULE, 'utf8')).toBe(inlinedModule())
  })

  it('contains every .lua file, in order', async () => {
    const { SCRIPT } = (await import(INLINED_MODULE)) as { SCRIPT: string }
    expect(SCRIPT).toBe(
      readParts()
        .map(({ source }) => source)
        .join('\n'),
    )
  })
})

describe('the Lua linter', () => {
  const problemsOf = (...sources: string[]) =>
    lintLua(sources.map((source, index) => ({ name: `${index}.lua`, source: `${source}\n` })))

  it('accepts the .lua files', () => {
    expect(lintLua(readParts())).toEqual([])
  })

  it('accepts local variables that a later part uses', () => {
    expect(problemsOf('local limit = 1', 'return limit')).toEqual([])
  })

  it('reports an unknown global with its file and line', () => {
    expect(problemsOf('local a = 1', 'local b = a\nreturn b + missing')).toEqual([
      "1.lua:2: unknown global 'missing'",
    ])
  })

  it('reports an assignment to a global', () => {
    expect(problemsOf('count = 1')).toEqual(["0.lua:1: assignment to global 'count'"])
  })

  it('reports a local variable that is only written', () => {
    expect(problemsOf('local count = 1\ncount = 2')).toEqual(["0.lua:1: unused local 'count'"])
  })

  it('reports an unused local function', () => {
    expect(problemsOf('local function add(a, b)\n  return a + b\nend')).toEqual([
      "0.lua:1: unused local 'add'",
    ])
  })

  it('reports a variable that is shadowed wherever its name is read', () => {
    expect(problemsOf('local a = 1\ndo\n  local a = 2\n  redis.call(a)\nend')).toEqual([
      "0.lua:1: unused local 'a'",
    ])
  })

  it('reports a name that is read after its scope ended', () => {
    expect(problemsOf('if KEYS[1] then\n  local a = 1\n  redis.call(a)\nend\nreturn a')).toEqual([
      "0.lua:5: unknown global 'a'",
    ])
  })

  it('reports a file that does not parse', () => {
    expect(problemsOf('return 1', 'local = 2')).toEqual([
      expect.stringMatching(/^1\.lua:1: .*<name> expected/),
    ])
  })
})
