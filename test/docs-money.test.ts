import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadConfig } from '../packages/gateway/src/policy/config/load-config.js'
import { type Gateway, startGateway } from '../packages/gateway/src/server/gateway.js'
import { ROOT } from './stack.js'

// Runs the files and commands of docs/money.md on a gateway.

const run = promisify(execFile)
const CLI = join(ROOT, 'packages', 'gateway', 'bin', 'sluice.js')

const KEYS = `keys:
  - sha256: ${createHash('sha256').update('key-of-ada').digest('hex')}
    client: ada
    labels: { team: red }
`

/** Reports the same usage of every call. */
const model = createServer((request, response) => {
  request.resume()
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ choices: [], usage: { prompt_tokens: 1000, completion_tokens: 100 } }))
})

let gateway: Gateway
let folder: string
let page: string
let url: string

/** Returns the listing of the page that contains a text. */
const listing = (language: string, contained: string): string => {
  const found = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].find(
    ([, each, text = '']) => each === language && text.includes(contained),
  )
  return found?.[2] ?? ''
}

beforeAll(async () => {
  page = await readFile(join(ROOT, 'docs', 'money.md'), 'utf8')
  folder = await mkdtemp(join(tmpdir(), 'sluice-money-'))
  await once(model.listen(0, '127.0.0.1'), 'listening')
  const upstream = `http://127.0.0.1:${(model.address() as AddressInfo).port}`
  await writeFile(join(folder, 'keys.yaml'), KEYS)
  await writeFile(join(folder, 'prices.yaml'), listing('text', '# prices.yaml'))
  const config = listing('yaml', '# gateway.yaml').replace('http://127.0.0.1:9000', upstream)
  const own = 'listen: 127.0.0.1:0\nadmin: off\ntimeouts: { drain: 0 }\n'
  await writeFile(join(folder, 'gateway.yaml'), `${own}${config}`)
  const ignore = () => {}
  const log = { info: ignore, warn: ignore, error: ignore, crashed: ignore, upstreamFailed: ignore }
  gateway = await startGateway(await loadConfig(join(folder, 'gateway.yaml')), log)
  url = `http://127.0.0.1:${gateway.address.port}`
})
afterAll(async () => {
  await gateway?.close()
  model.close()
  await rm(folder, { recursive: true, force: true })
})

async function call(name: string, maxTokens: number) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'key-of-ada' },
    body: JSON.stringify({ model: name, max_tokens: maxTokens, messages: [{ role: 'user', content: 'Hi' }] }),
  })
  return { status: response.status, problem: (await response.json()) as { code?: string; detail?: string } }
}

it('the check of docs/money.md shows the limits and the prices', async () => {
  const [, ...options] = listing('sh', 'check').trim().split(' ')
  const { stdout } = await run(process.execPath, [CLI, ...options.slice(1)], { cwd: folder })
  expect(stdout).toMatch(/^ +big +2\.50 +0\.25 +10$/m)
  expect(stdout).toMatch(/^ +llama-\* +0\.10 +0\.10$/m)
  expect(stdout).toContain('20 USD/day money (fixed-window) by client')
  expect(stdout).toContain("only when model == 'big'")
})

it('a call is charged as docs/money.md says, and a client that asks sees what is left', async () => {
  expect((await call('big', 100)).status).toBe(200)
  const command = listing('sh', 'curl').replace('localhost:8080', new URL(url).host)
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', command])
  // 1,000 input tokens for 0.0025 USD and 100 output tokens for 0.001 USD.
  expect(JSON.parse(stdout)).toMatchObject({
    client: 'ada',
    rules: [
      { rule: 'budget', used: '0.0035', left: '19.9965', currency: 'USD' },
      { rule: 'big', used: '0.0035', left: '4.9965', currency: 'USD' },
    ],
  })
})

it('a refusal reads as in docs/money.md', async () => {
  const [sentence = ''] = listing('text', 'The limit is').split('. Try again')
  const pattern = sentence
    .replaceAll('.', '\\.')
    .replace(/\d+ USD per/, '5 USD per')
    .replaceAll(/\d\\\.\d\d/g, '\\d+\\.\\d+')
  expect((await call('big', 300_000)).status).toBe(200)
  const [first, second] = await Promise.all([call('big', 300_000), call('big', 300_000)])
  const refused = [first, second].find(({ status }) => status === 429)
  expect(refused?.problem.detail).toMatch(new RegExp(`^${pattern}\\. Try again in `))
})

it('a model without a price and an API without prices are refused with the codes of docs/money.md', async () => {
  const { status, problem } = await call('unknown', 10)
  expect([status, problem.code]).toEqual([400, 'model_not_priced'])
  expect(page).toContain('`model_not_priced`')
  const batches = await fetch(`${url}/v1/batches`, { method: 'POST', headers: { 'x-api-key': 'key-of-ada' } })
  expect([batches.status, ((await batches.json()) as { code: string }).code]).toEqual([403, 'api_not_priced'])
  expect(page).toContain('`api_not_priced`')
})
