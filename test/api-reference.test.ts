import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from './stack.js'

/** Checks docs/api.md against the built type declarations of the library. */

const PACKAGE = join(ROOT, 'packages', 'sluice')

/** An entry point that only the gateway of the same version uses. */
const PRIVATE = './internal'

const page = await readFile(join(ROOT, 'docs', 'api.md'), 'utf8')
const { exports: entries } = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8')) as {
  exports: Record<string, { types: string }>
}
const entryPoints = Object.entries(entries)
  .filter(([entry]) => entry !== PRIVATE)
  .map(([entry, { types }]) => ({ name: entry.replace('.', 'sluice'), types }))

describe('docs/api.md', () => {
  it('has a section for each entry point of the library and no other', () => {
    const sections = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
    expect(sections.toSorted()).toEqual(entryPoints.map(({ name }) => name).toSorted())
  })

  it.each(entryPoints)('lists exactly the exports of $name', async ({ name, types }) => {
    const declarations = await readFile(join(PACKAGE, types), 'utf8')
    const exported = exportedNames(declarations)
    expect(exported).not.toEqual([])
    expect(listedNames(name).toSorted()).toEqual(exported.toSorted())
  })

  it.each(entryPoints)('gives a signature and a description to each export of $name', ({ name }) => {
    for (const row of rowsOf(name)) {
      // A signature may contain escaped pipes.
      const cells = row.split(/(?<!\\)\|/).map((cell) => cell.trim())
      expect(cells, row).toHaveLength(5)
      expect(cells[2], row).not.toBe('')
      expect(cells[3], row).toMatch(/\.$/)
    }
  })
})

describe('exportedNames', () => {
  it('finds types, renamed exports and declarations', () => {
    const declarations = `
      import type { Hidden } from './hidden.js';
      export { a, type B, c as d } from './a.js';
      export type { E } from './e.js';
      export declare function f(): void;
      export interface G {}
      export declare abstract class H {}
      export type I = 1;
      export declare const j = 1;`
    expect(exportedNames(declarations)).toEqual(['B', 'E', 'G', 'H', 'I', 'a', 'd', 'f', 'j'])
  })

  it('rejects exports without names', () => {
    expect(() => exportedNames("export * from './a.js';")).toThrow('export *')
    expect(() => exportedNames('export default 1;')).toThrow('export default')
  })
})

function rowsOf(entryPoint: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${entryPoint}\n`)) ?? ''
  return section.split('\n').filter((line) => line.startsWith('| `'))
}

function listedNames(entryPoint: string): string[] {
  return rowsOf(entryPoint).map((row) => /^\| `(\w+)` \|/.exec(row)?.[1] ?? row)
}

/** Returns the names that a declaration file exports, including types, in alphabetical order. */
function exportedNames(declarations: string): string[] {
  const code = declarations.replace(/\/\*[\s\S]*?\*\//g, '')
  const unnamed = /^\s*export (\*|default|=)/m.exec(code)
  if (unnamed) throw new Error(`'${unnamed[0].trim()}' does not name its exports`)
  const lists = [...code.matchAll(/^\s*export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map((item) => item.replace(/^type /, '').replace(/^.* as /, '')),
  )
  const declared = [
    ...code.matchAll(
      /^\s*export (?:declare )?(?:abstract )?(?:function|class|const|let|interface|type|enum|namespace) (\w+)/gm,
    ),
  ].map(([, name]) => name as string)
  // Overloads are declared several times.
  return [...new Set([...lists, ...declared])].toSorted()
}
