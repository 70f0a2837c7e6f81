import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from './stack.js'
import { LAYERS } from './structure/layers.js'

const text = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')
const [tree = '', layers = ''] = [...text.matchAll(/^```\n(.*?)^```$/gms)].map((match) => match[1] as string)

/** The paths of the tree. A line such as `trace/ engine/` contains several. */
const paths = pathsOf(tree)

function pathsOf(block: string): string[] {
  const found: string[] = []
  const parents: string[] = []
  for (const line of block.split('\n').filter((each) => each.trim() !== '')) {
    const depth = line.search(/\S/) / 2
    const [names = ''] = line.trim().split(/ {2,}/)
    const parent = parents.slice(0, depth).join('')
    const all = names.split(' ').filter((name) => /[./]/.test(name))
    found.push(...all.map((name) => parent + name))
    parents[depth] = all[0] ?? ''
  }
  return found
}

const foldersIn = (path: string) =>
  readdirSync(join(ROOT, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${path}${name}/`)

describe('the tree of ARCHITECTURE.md', () => {
  it('names only paths that exist', () => {
    expect(paths.length).toBeGreaterThan(40)
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  it.each([
    'packages/sluice/src/',
    'packages/gateway/src/',
    'packages/gateway/src/policy/',
    'packages/gateway/src/replay/',
    'packages/gateway/src/server/',
  ])('names every folder of %s', (path) => {
    expect(foldersIn(path).filter((folder) => !paths.includes(folder))).toEqual([])
  })
})

describe('the layers of ARCHITECTURE.md', () => {
  const ROOTS = {
    sluice: ['packages/sluice/src', ''],
    gateway: ['packages/gateway/src', ''],
    policy: ['packages/gateway/src', 'policy/'],
    server: ['packages/gateway/src', 'server/'],
  } as const
  const levelIn = (root: keyof typeof LAYERS, entry: string) =>
    LAYERS[root].findIndex((layer) => layer.some((name) => name === entry || name.startsWith(`${entry}/`)))

  it.each(Object.keys(ROOTS) as (keyof typeof ROOTS)[])(
    'agree with test/structure/layers.ts for %s',
    (name) => {
      const line = layers.split('\n').find((each) => each.startsWith(`${name} `))
      const [root, prefix] = ROOTS[name]
      const groups = (line ?? '').slice(name.length).split('<')
      expect(groups.length).toBeGreaterThan(2)
      let below = -1
      for (const group of groups) {
        const levels = group.split(',').map((entry) => levelIn(root, prefix + entry.trim()))
        for (const level of levels) expect(level, group).toBeGreaterThan(below)
        below = Math.max(below, ...levels)
      }
    },
  )
})

describe('the text of ARCHITECTURE.md', () => {
  it('names only files that exist', () => {
    const named = [...text.matchAll(/`((?:[\w-]+\/)+[\w-]+\.(?:ts|md))`/g)].map((match) => match[1] as string)
    const folders = [
      '',
      'packages/sluice/src/',
      'packages/gateway/src/',
      'packages/gateway/',
      'packages/sluice/',
    ]
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((file) => !folders.some((folder) => existsSync(join(ROOT, folder + file))))).toEqual(
      [],
    )
  })
})
