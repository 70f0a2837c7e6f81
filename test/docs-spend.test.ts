import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadConfig } from '../packages/gateway/src/policy/config/load-config.js'
import { type Gateway, startGateway } from '../packages/gateway/src/server/gateway.js'
import { ROOT } from './stack.js'

// Runs the commands of docs/spend.md in their order, on a gateway with an admin token.

const run = promisify(execFile)
const CLI = join(ROOT, 'packages', 'gateway', 'bin', 'sluice.js')
const TOKEN = 'a-token-of-some-length'

/** The output of each command. */
const OUTPUTS: readonly (readonly [command: RegExp, prints: RegExp])[] = [
  [
    /spend --by team$/,
    /^spend from \S+ to \S+ \(UTC\)\nteam +amount .*\nred +0\.01 +USD +1 +10 +0 +1\ntotal /,
  ],
  [
    /--csv/,
    /^client,currency,amount,requests,input_tokens,cached_tokens,output_tokens\r\nacme,USD,0\.01,1,10,0,1\r\n$/,
  ],
  [/curl/, /^\{"by":"team","from":"2026-11-01","to":"2026-11-30".*\}\nteam,currency,amount,requests/],
  [/forget/, /^client acme is forgotten: 1 entry of spend moved to 'forgotten', /],
]

let gateway: Gateway
let upstream: Server
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-spend-docs-'))
  upstream = createServer((request, response) => {
    const usage = { prompt_tokens: 10, completion_tokens: 1 }
    request.resume().once('end', () => response.end(JSON.stringify({ choices: [], usage })))
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  await writeFile(
    join(folder, 'prices.yaml'),
    'currency: USD\nas_of: 2026-11-01\nmodels: { m: { input: 1000, output: 0 } }\n',
  )
  const file = join(folder, 'gateway.yaml')
  await writeFile(
    file,
    `listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0, token_sha256: ${createHash('sha256').update(TOKEN).digest('hex')} }
upstream: http://127.0.0.1:${(upstream.address() as AddressInfo).port}
prices: prices.yaml
state: acts.json
identity: { trusted_proxies: [127.0.0.0/8], proxy_headers: { client: X-Client-Id, labels: { team: X-Team } } }
routes: [{ match: POST /v1/chat/completions, llm: openai, limits: [{ limit: 20 USD/day, of: money }] }]
timeouts: { drain: 0 }
`,
  )
  const ignore = () => {}
  const log = { info: ignore, warn: ignore, error: ignore, crashed: ignore, upstreamFailed: ignore }
  gateway = await startGateway(await loadConfig(file), log)
  const admin = `http://127.0.0.1:${gateway.adminAddress?.port}`
  const programs = {
    npx: `shift\nexec '${process.execPath}' '${CLI}' "$@" --admin ${admin}`,
    curl: `PATH=\${PATH#*:} exec curl "\${@//localhost:8081/127.0.0.1:${gateway.adminAddress?.port}}"`,
  }
  for (const [name, program] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/bash\n${program}\n`)
    await chmod(join(folder, name), 0o755)
  }
  const response = await fetch(`http://127.0.0.1:${gateway.address.port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-client-id': 'acme', 'x-team': 'red' },
    body: JSON.stringify({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }),
  })
  expect(response.status).toBe(200)
  await response.text()
})
afterAll(async () => {
  await gateway?.close()
  upstream?.close()
  await rm(folder, { recursive: true, force: true })
})

it('every command of docs/spend.md prints what the page says', async () => {
  const page = await readFile(join(ROOT, 'docs', 'spend.md'), 'utf8')
  const commands = [...page.matchAll(/^```sh\n(.*?)```/gms)].map(([, text = '']) => text.trim())
  expect(commands).toHaveLength(OUTPUTS.length)
  for (const [index, command] of commands.entries()) {
    const [pattern, prints] = OUTPUTS[index] as (typeof OUTPUTS)[number]
    expect(command).toMatch(pattern)
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', command], {
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, SLUICE_TOKEN: TOKEN },
    })
    expect(stdout).toMatch(prints)
  }
})
