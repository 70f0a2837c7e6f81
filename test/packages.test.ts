import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ROOT } from './stack.js'

// Checks the files that `npm publish` would include in the two packages.

const run = promisify(execFile)

/** Returns the paths of the files of a package, as npm lists them. */
async function filesOf(folder: string): Promise<string[]> {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: folder,
    maxBuffer: 16 * 1024 * 1024,
  })
  const parsed: unknown = JSON.parse(stdout)
  const [packed] = (Array.isArray(parsed) ? parsed : Object.values(parsed as object)) as [
    { readonly files: readonly { readonly path: string }[] },
  ]
  return packed.files.map(({ path }) => path)
}

describe.each(['packages/sluice', 'packages/gateway'])('the package %s', async (name) => {
  const folder = join(ROOT, name)
  const files = await filesOf(folder)

  it('contains its license and README, but no build metadata, sources or tests', () => {
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']))
    expect(files.filter((file) => /tsbuildinfo|\.test\.|(^|\/)(test|src)\//.test(file))).toEqual([])
  })

  it('has source maps that contain their sources or refer to existing files', async () => {
    const maps = files.filter((file) => file.endsWith('.map'))
    const incomplete: string[] = []
    for (const file of maps) {
      const map = JSON.parse(await readFile(join(folder, file), 'utf8')) as {
        readonly sources: readonly string[]
        readonly sourcesContent?: readonly (string | null)[]
      }
      const hasSources = map.sources.every(
        (source, index) =>
          typeof map.sourcesContent?.[index] === 'string' || files.includes(join(dirname(file), source)),
      )
      if (!hasSources) incomplete.push(file)
    }
    expect(incomplete).toEqual([])
  })

  it('refers only to source maps that exist', async () => {
    const missing: string[] = []
    for (const file of files.filter((each) => /\.(js|css|d\.ts)$/.test(each))) {
      const text = await readFile(join(folder, file), 'utf8')
      const map = /[#@] sourceMappingURL=([^\s'"*]+)\s*(?:\*\/)?\s*$/.exec(text)?.[1]
      if (map !== undefined && !files.includes(join(dirname(file), map))) missing.push(file)
    }
    expect(missing).toEqual([])
  })
})

describe('license notices of bundled packages', () => {
  const gateway = join(ROOT, 'packages/gateway')
  const HOLDERS = ['Jason Miller', 'Leon Sorokin']

  it('are in a file that the dashboard ships', async () => {
    expect(await filesOf(gateway)).toContain('dashboard/dist/THIRD-PARTY-NOTICES.md')
    const notices = await readFile(join(gateway, 'dashboard/dist/THIRD-PARTY-NOTICES.md'), 'utf8')
    for (const holder of [...HOLDERS, 'eventsource-parser']) expect(notices).toContain(holder)
  })

  it('are in the template of the report page', async () => {
    const page = await readFile(join(gateway, 'report-page/dist/index.html'), 'utf8')
    for (const holder of HOLDERS) expect(page).toContain(holder)
    expect(page).toContain('Permission is hereby granted')
  })
})

describe('the badges of the README', () => {
  const badge = (name: string) => readFile(join(ROOT, `docs/images/badge-${name}.svg`), 'utf8')
  const library = async () =>
    JSON.parse(await readFile(join(ROOT, 'packages/sluice/package.json'), 'utf8')) as {
      readonly license: string
      readonly engines: { readonly node: string }
      readonly dependencies?: object
    }

  it('state the license, the Node.js versions and the dependencies of the library', async () => {
    const { license, engines, dependencies } = await library()
    expect(await badge('license')).toContain(`>${license}<`)
    expect(await badge('node')).toContain(`>${engines.node.replace('>=', '')} or later<`)
    expect(dependencies).toBeUndefined()
    expect(await badge('dependencies')).toContain('>none<')
  })
})
