import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT, type Stack, startStack } from './stack.js'

/** What the docs show is run here: every command, every file, every listing. */

const run = promisify(execFile)

interface Listing {
  /** Where it stands: file and line. */
  readonly place: string
  readonly language: string
  readonly text: string
}

/** What is run elsewhere: by the whole test run itself, or by whoever calls this. */
const RUN_ELSEWHERE = new Set([
  'npm ci && npm start',
  'npm ci && npm test',
  'npm install sluice express',
  'npx sluice-gateway serve gateway.yaml',
])

/** Pages whose commands ask another server than the one that is started here; a test beside them runs them. */
const WITH_THEIR_OWN_SERVER =
  /^examples\/(in-memory|tiers|warm-up|strategies|resources|monitoring|redis|memcached)\//

const listings = await allListings()

describe('commands in the docs', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack()
  })
  afterAll(() => stack?.stop())

  const commands = listings.filter(
    ({ place, language, text }) =>
      language === 'sh' && !RUN_ELSEWHERE.has(text.trim()) && !WITH_THEIR_OWN_SERVER.test(place),
  )
  it.each(commands)('$place', async ({ text }) => {
    const here = text
      .replaceAll('localhost:8080', `localhost:${stack.port}`)
      .replaceAll('localhost:8081', `localhost:${stack.adminPort}`)
      .replaceAll('localhost:9000', `localhost:${stack.modelPort}`)
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', here], { cwd: ROOT })
    expect(stdout).not.toBe('')
  })
})

describe('configuration files in the docs', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-docs-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it.each(listings.filter(({ language }) => language === 'yaml'))('$place', async ({ text }) => {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, text)
    await writeFile(join(folder, 'keys.yaml'), 'keys: []')
    const { stdout } = await run('npx', ['sluice', 'check', file], { cwd: ROOT })
    expect(stdout).toContain('ok')
  })
})

describe('code in the docs', () => {
  // Inside the checkout, so that it finds the packages as somebody's project would.
  const folder = join(ROOT, 'test', 'listings')
  const code = listings.filter(({ language }) => language === 'ts')

  it('is right by its types, and does what it says where it needs no server', async () => {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder)
    try {
      const files = code.map(({ text }, index) => ({ file: join(folder, `listing-${index}.ts`), text }))
      await Promise.all(files.map(({ file, text }) => writeFile(file, text)))
      await writeFile(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          extends: '../../tsconfig.base.json',
          compilerOptions: {
            composite: false,
            declaration: false,
            noEmit: true,
            noUnusedLocals: false,
            // As NestJS wants them.
            experimentalDecorators: true,
          },
          include: ['.'],
        }),
      )
      const { stdout } = await run('npx', ['tsc', '-p', folder], { cwd: ROOT }).catch((error) => error)
      expect(stdout).toBe('')
      for (const { file, text } of files) {
        if (!text.includes('declare ')) await import(file)
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

async function allListings(): Promise<Listing[]> {
  const pages = (await readdir(ROOT, { recursive: true })).filter(
    (file) => file.endsWith('.md') && !/(^|\/)(node_modules|dist|api)\//.test(file),
  )
  const found = await Promise.all(pages.sort().map((page) => listingsOf(join(ROOT, page))))
  return found.flat()
}

async function listingsOf(file: string): Promise<Listing[]> {
  const text = await readFile(file, 'utf8')
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map((match) => ({
    place: `${relative(ROOT, file)}:${text.slice(0, match.index).split('\n').length}`,
    language: match[1] as string,
    text: match[2] as string,
  }))
}
