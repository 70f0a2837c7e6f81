import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { backwardImports, cycles, folderGraph, readImports, sourceGraph } from './structure/imports.js'
import { LAYERS, SOURCE_ROOTS } from './structure/layers.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

describe.each(SOURCE_ROOTS)('the imports of $root', ({ project, root }) => {
  const graph = sourceGraph(readImports(ROOT, project), root)

  it('form no cycle of files, including type imports', () => {
    expect(graph.size).toBeGreaterThan(10)
    expect(cycles(graph)).toEqual([])
  })

  it('form no cycle of folders at any depth', () => {
    expect(cycles(folderGraph(graph))).toEqual([])
  })

  it('point only to lower layers', () => {
    expect(backwardImports(graph, LAYERS[root])).toEqual([])
  })
})

describe('the check of imports', () => {
  /** Creates a project with the given files and reads its imports. */
  async function importsOf(files: Readonly<Record<string, string>>) {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-structure-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const compilerOptions = { module: 'nodenext', types: [], strict: true }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
    for (const [file, text] of Object.entries(files)) {
      await mkdir(join(folder, 'src', file, '..'), { recursive: true })
      await writeFile(join(folder, 'src', file), text)
    }
    return sourceGraph(readImports(folder, '.', ROOT), 'src')
  }

  it('finds a planted cycle of type imports between files', async () => {
    const graph = await importsOf({
      'a.ts': "import type { B } from './b.js'\nexport type A = B | 1\n",
      'b.ts': "import type { C } from './c.js'\nexport type B = C | 2\n",
      'c.ts': "export type C = import('./a.js').A[]\n",
      'd.ts': "import './a.js'\n",
    })
    expect(cycles(graph)).toEqual([['a.ts', 'b.ts', 'c.ts']])
  })

  it('finds a planted cycle of folders without a cycle of files', async () => {
    const graph = await importsOf({
      'one/a.ts': "import '../two/b.js'\n",
      'two/b.ts': 'export {}\n',
      'two/c.ts': "import '../one/d.js'\n",
      'one/d.ts': 'export {}\n',
    })
    expect(cycles(graph)).toEqual([])
    expect(cycles(folderGraph(graph))).toEqual([['one', 'two']])
  })

  it('finds a planted import of a higher layer, and a file in no layer', async () => {
    const graph = await importsOf({
      'low/a.ts': "import '../high/b.js'\n",
      'high/b.ts': 'export {}\n',
      'high/c.ts': "import '../low/d.js'\n",
      'low/d.ts': 'export {}\n',
      'elsewhere.ts': 'export {}\n',
    })
    expect(backwardImports(graph, [['low'], ['high']]).sort()).toEqual([
      'elsewhere.ts is in no layer',
      'low/a.ts imports high/b.ts',
    ])
  })
})
