import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePorts, ROOT } from './stack.js'

// Follows docs/llm-gateway.md from its first listing to its last, with the example model servers.

const run = promisify(execFile)
const CLI = join(ROOT, 'packages', 'gateway', 'bin', 'sluice.js')

interface Listing {
  readonly language: string
  readonly text: string
}

let folder: string
/** The page, with free ports. */
let page: string
/** The listings that no test has used yet, in their order. */
let remaining: Listing[]
let ports: Record<'gateway' | 'admin' | 'models', string>
let environment: NodeJS.ProcessEnv
const programs: ChildProcess[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-llm-gateway-'))
  const free = (await freePorts(4)).map(String)
  const written = ['8080', '8081', '9000', '9001']
  const [gateway = '', admin = '', ...models] = free
  ports = { gateway, admin, models: models.join() }
  page = (await readFile(join(ROOT, 'docs', 'llm-gateway.md'), 'utf8')).replace(
    /(?<=[:=])(8080|8081|9000|9001)\b/g,
    (port) => free[written.indexOf(port)] as string,
  )
  remaining = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
  }))
  // The folder of the reader. Installed packages are those of the checkout.
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  await mkdir(join(folder, 'bin'))
  const commands = {
    npm: `[[ "$*" == 'install sluice-gateway openai' ]]`,
    npx: `[[ "$1" == sluice-gateway ]]\nshift
[[ "$1" =~ ^(act|spend)$ ]] && set -- "$@" --admin http://127.0.0.1:${admin}
exec '${process.execPath}' '${CLI}' "$@"`,
  }
  for (const [name, text] of Object.entries(commands)) {
    await writeFile(join(folder, 'bin', name), `#!/bin/bash\nset -e\n${text}\n`)
    await chmod(join(folder, 'bin', name), 0o755)
  }
  environment = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}`, NO_COLOR: '1' }
})
afterAll(async () => {
  for (const program of programs.reverse()) await stop(program, 'SIGINT')
  await rm(folder, { recursive: true, force: true })
})

/** Takes the next listing of the page, which must be in this language. */
function next(language: string): string {
  const listing = remaining.shift()
  expect(listing?.language).toBe(language)
  return listing?.text ?? ''
}

/** Writes the next listing to the file that its first line names. */
async function save(language: string, change = (text: string) => text): Promise<string> {
  const text = next(language)
  const name = /^(?:#|\/\/) (\S+)$/m.exec(text)?.[1] ?? expect.fail(`no file name:\n${text}`)
  await writeFile(join(folder, name), change(text))
  return name
}

const shell = (command: string) =>
  run('bash', ['-euo', 'pipefail', '-c', command], { cwd: folder, env: environment })

/** Starts commands in a process group of their own, as in another terminal. */
function start(command: string, cwd = folder): { program: ChildProcess; output: () => string } {
  const program = spawn('bash', ['-c', command], { cwd, env: environment, detached: true })
  programs.push(program)
  let output = ''
  for (const stream of [program.stdout, program.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  return { program, output: () => output }
}

async function stop(program: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return
  const closed = once(program, 'close')
  process.kill(-(program.pid as number), signal)
  await closed
}

/** Waits until a URL responds with 200. */
const ready = (url: string) =>
  expect.poll(async () => (await fetch(url).catch(() => undefined))?.status, { timeout: 120_000 }).toBe(200)

/** Matches an output that differs from the one on the page only in words with digits. */
function like(output: string): RegExp {
  const words = output
    .trim()
    .replaceAll(/\d+ hours \d+ minutes,/g, 'DURATION')
    .split(/\s+/)
    .map((word) => (/\d/.test(word) ? '\\S+' : word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')))
  const pattern = words.join('\\s+').replaceAll('DURATION', '(1 day|\\d+ hours( \\d+ minutes?)?),')
  return new RegExp(`^${pattern}\\s*$`)
}

const keyIn = async (file: string) => (await readFile(join(folder, file), 'utf8')).trim()

/** The ID of the first key. */
let id: string

it('the files of docs/llm-gateway.md start a gateway with two upstreams and a price list', async () => {
  await save('text')
  const config = next('yaml')
  const models = next('sh')
  start(`${models}wait`, ROOT)
  const { stderr } = await shell(next('sh'))
  // The reader puts the digest into the file.
  const digest = /token_sha256: ([0-9a-f]{64})/.exec(stderr)?.[1] ?? expect.fail(stderr)
  await writeFile(join(folder, 'gateway.yaml'), config.replace(/(?<=token_sha256: )\w+/, digest))
  const { output } = start(next('sh'))
  for (const port of ports.models.split(',')) await ready(`http://127.0.0.1:${port}/healthz`)
  await ready(`http://127.0.0.1:${ports.admin}/readyz`)
  for (const warning of ["no key in the keys file has the label 'team'", 'a restart resets this limit'])
    expect(output()).toContain(warning)
}, 180_000)

it('a new key sees its models, and calls them on two upstreams through the SDK, one by an alias', async () => {
  const creation = next('sh')
  const { stderr } = await shell(creation)
  id = /ID: ([0-9a-f]{8})$/m.exec(stderr)?.[1] ?? expect.fail(stderr)
  expect(creation).toContain('export SLUICE_TOKEN=$(cat admin.token)')
  environment = { ...environment, SLUICE_TOKEN: await keyIn('admin.token') }

  expect(await save('js')).toBe('chat.mjs')
  const { stdout } = await shell(next('sh'))
  const [small, alias, provider, fast, large, ...metrics] = stdout.trim().split('\n')
  expect([small, alias, provider]).toEqual(['may use small', 'may use fast', 'may use gpt-large'])
  expect(fast).toMatch(/^fast: \w/)
  expect(large).toMatch(/^gpt-large: \w/)
  expect(metrics.join('\n')).toBe(next('text').trim())

  const response = await fetch(`http://127.0.0.1:${ports.gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await keyIn('search.key')}` },
    body: JSON.stringify({ model: 'gpt-tiny', messages: [{ role: 'user', content: 'Hi' }] }),
  })
  expect([response.status, await response.json()]).toMatchObject([
    404,
    { error: { code: 'model_not_found' } },
  ])
  expect(page).toContain('404 with the code `model_not_found`')
}, 180_000)

it('the team, the dashboard and the client see what the calls of docs/llm-gateway.md cost', async () => {
  const { stdout: report } = await shell(next('sh'))
  expect(report).toMatch(like(next('text')))
  expect(report).toMatch(/^red +0\.000\d+ +USD +2 /m)

  const dashboard = await fetch(/<(\S+)#spend>/.exec(page)?.[1] ?? '')
  expect([dashboard.status, await dashboard.text()]).toEqual([200, expect.stringContaining('<html')])

  const { stdout: usage } = await shell(next('sh'))
  const amounts = { used: expect.stringMatching(/^0\.000\d+$/), left: expect.stringMatching(/^0\.019\d+$/) }
  expect(JSON.parse(usage).rules).toMatchObject([{ ...JSON.parse(next('json')), ...amounts }])
}, 180_000)

it('no call fails while the key is rotated, and both keys work afterwards', async () => {
  expect(await save('js')).toBe('steady.mjs')
  expect(page).toContain('`node steady.mjs`')
  const loop = start('exec node steady.mjs')
  const answersWith = async (file: string) => `answered with ${(await keyIn(file)).slice(0, 11)}\n`
  const before = await answersWith('search.key')
  await expect.poll(loop.output, { timeout: 120_000 }).toContain(before)
  await shell(next('sh').replace('1f2e3d4c', id))
  const after = await answersWith('search.key')
  expect([after === before, await answersWith('old.key')]).toEqual([false, before])
  await expect.poll(loop.output, { timeout: 120_000 }).toContain(after)

  expect((await shell(next('sh'))).stdout).toMatch(/^fast: \w.*\ngpt-large: \w/m)
  expect(loop.program.exitCode).toBeNull()
  await stop(loop.program, 'SIGINT')
  expect(loop.output().replaceAll(before, '').replaceAll(after, '')).toBe('')
}, 180_000)

it('the SDK shows the refusal of docs/llm-gateway.md after one request', async () => {
  expect(await save('js')).toBe('until-refused.mjs')
  const { stdout } = await shell(next('sh'))
  expect(stdout).toMatch(like(next('text')))
  expect(stdout).toMatch(
    /^429 The limit is 0\.02 USD per day\..*\ncode insufficient_quota after 1 request\n$/,
  )
}, 180_000)

it('calls are answered again after an operator has raised the budget', async () => {
  const [, command = '', chat = ''] = /^(npx .*\n)(node .*\n)$/.exec(next('sh')) ?? []
  expect((await shell(command)).stdout).toMatch(like(next('text')))
  expect((await shell(chat)).stdout).toMatch(/^fast: \w.*\ngpt-large: \w/m)
}, 180_000)

it('the tests have used every listing of docs/llm-gateway.md', () => {
  expect(remaining).toEqual([])
})
