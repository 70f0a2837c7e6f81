import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkCommand } from '../packages/gateway/src/cli/check-command.js'
import { createAuthority } from '../packages/gateway/test/server/tls/certificates.js'
import { expectationFor } from './docs-expectations.js'
import { ROOT, type Stack, startStack } from './stack.js'

// Runs every command, configuration file and code listing of the docs.

const run = promisify(execFile)

interface Listing {
  /** Path and line. */
  readonly location: string
  readonly language: string
  readonly text: string
}

/**
 * Commands that other tests run: `npm test` itself, test/start.test.ts and test/install.test.ts.
 */
const RUN_ELSEWHERE = new Set([
  'npm ci && npm start',
  'npm ci && npm test',
  'npm install sluice',
  'npm install sluice express',
  'npx sluice-gateway serve gateway.yaml',
])

/**
 * Pages whose commands need a different server than `npm start`. A test next to each page runs
 * them.
 */
const PAGES_WITH_OWN_SERVER =
  /^(docs\/(llm-gateway|money|operating|spend)\.md|examples\/(in-memory|tiers|warm-up|strategies|resources|monitoring|redis|memcached)\/)/

const listings = await allListings()

describe('commands in the docs', () => {
  let stack: Stack
  let folder: string
  beforeAll(async () => {
    stack = await startStack()
    folder = await mkdtemp(join(tmpdir(), 'sluice-docs-commands-'))
    await writeFile(join(folder, 'curl'), CURL)
    await chmod(join(folder, 'curl'), 0o755)
    // Some commands query the state of this client.
    const predict = {
      method: 'POST',
      body: '{"features":[1,2,3]}',
      headers: { 'content-type': 'application/json' },
    }
    expect((await fetch(`http://127.0.0.1:${stack.port}/predict`, predict)).status).toBe(200)
  })
  afterAll(async () => {
    await stack?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const commands = listings.filter(
    ({ location, language, text }) =>
      language === 'sh' && !RUN_ELSEWHERE.has(text.trim()) && !PAGES_WITH_OWN_SERVER.test(location),
  )
  it.each(commands.map((listing, index) => ({ ...listing, index })))(
    'print the expected output: $location',
    async ({ text, index }) => {
      const { prints, statuses = [200] } = expectationFor(text)
      const localCommand = text
        .replaceAll('localhost:8080', `127.0.0.1:${stack.port}`)
        .replaceAll('localhost:8081', `localhost:${stack.adminPort}`)
        .replaceAll('localhost:9000', `localhost:${stack.modelPort}`)
      const statusFile = join(folder, `statuses-${index}`)
      await writeFile(statusFile, '')
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', localCommand], {
        cwd: ROOT,
        maxBuffer: 2 ** 26,
        env: {
          ...process.env,
          PATH: `${folder}:${process.env.PATH}`,
          DOCS_STATUSES: statusFile,
          DOCS_GATEWAY: `127.0.0.1:${stack.port}`,
          // Each listing is a separate client, so that none uses up the limits of another.
          DOCS_CLIENT: `127.0.1.${index + 1}`,
        },
      })
      expect(stdout).toMatch(prints)
      const seen = (await readFile(statusFile, 'utf8')).split('\n').filter((line) => line !== '')
      const calls = text
        .split('\n')
        .filter((line) => /(^|\s)curl /.test(line) && !line.startsWith('#')).length
      const expected = statuses.length === 1 ? Array(calls).fill(statuses[0]) : statuses
      expect(seen.map(Number)).toEqual(expected)
    },
    180_000,
  )
})

/** A wrapper around curl that records the final status of each response. */
const CURL = `#!/bin/bash
here=$(dirname "$0")
PATH=\${PATH#"$here":}
head=$(mktemp)
from=()
[[ "$*" == *"$DOCS_GATEWAY"* ]] && from=(--interface "$DOCS_CLIENT")
curl "\${from[@]}" --dump-header "$head" "$@"
code=$?
grep -aoE '^HTTP/[0-9.]+ [0-9]{3}' "$head" | awk '{ print $2 }' | grep -v '^1' | tail -n 1 >> "$DOCS_STATUSES"
rm -f "$head"
exit $code
`

describe('configuration files in the docs', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-docs-'))
    await writeFile(join(folder, 'keys.yaml'), 'keys: []')
    const prices = 'currency: USD\nas_of: 2026-11-01\nmodels: { m: { input: 1, output: 2 } }\n'
    await writeFile(join(folder, 'prices.yaml'), prices)
    // The files that listings name, all of one certificate.
    await mkdir(join(folder, 'tls'))
    const { cert, key } = await createAuthority('docs')
    for (const name of ['tls', 'client', 'ca']) {
      await writeFile(join(folder, 'tls', `${name}.crt`), cert)
      await writeFile(join(folder, 'tls', `${name}.key`), key)
    }
  })
  afterAll(() => rm(folder, { recursive: true }))

  it.each(listings.filter(({ language }) => language === 'yaml'))(
    'are valid: $location',
    async ({ text }) => {
      const file = join(folder, 'gateway.yaml')
      await writeFile(file, text)
      let output = ''
      const write = (text: string) => {
        output += text
        return true
      }
      expect(await checkCommand(file, { out: { write }, err: { write } }), output).toBe(0)
    },
  )
})

describe('code in the docs', () => {
  // Inside the checkout, so that it resolves the packages as a user's project would.
  const folder = join(ROOT, 'test', 'listings')
  const code = listings.filter(({ language }) => language === 'ts')

  it('compiles, and runs without errors unless it contains declarations', async () => {
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
            // Required by NestJS.
            experimentalDecorators: true,
          },
          include: ['.'],
        }),
      )
      const { stdout } = await run('npx', ['tsc', '-p', folder], { cwd: ROOT }).catch((error) => error)
      expect(stdout).toBe('')
      process.env.OPENAI_API_KEY = 'sk-docs'
      for (const { file, text } of files) {
        if (!text.includes('declare ')) await import(file)
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 180_000)
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
    location: `${relative(ROOT, file)}:${text.slice(0, match.index).split('\n').length}`,
    language: match[1] as string,
    text: match[2] as string,
  }))
}
