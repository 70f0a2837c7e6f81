import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseConfig } from '../packages/gateway/src/policy/config/load-config.js'
import { type Gateway, startGateway } from '../packages/gateway/src/server/gateway.js'
import { ROOT } from './stack.js'

// Runs the commands of docs/operating.md in their order, on a gateway with an admin token.

const run = promisify(execFile)
const CLI = join(ROOT, 'packages', 'gateway', 'bin', 'sluice.js')
const TOKEN = 'a-token-of-some-length'

const CONFIG = `listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0, token_sha256: ${createHash('sha256').update(TOKEN).digest('hex')} }
upstream: http://127.0.0.1:9
routes: [{ match: POST /predict, limits: [{ name: few, limit: 10/minute, by: client }] }]
identity: { trusted_proxies: [127.0.0.0/8], proxy_headers: { client: X-Client-Id } }
timeouts: { drain: 0 }
`

/** The output of each command, by its verb and its target. */
const OUTPUTS: readonly (readonly [command: RegExp, prints: RegExp])[] = [
  [/act block --client/, /^client acme is blocked until \S+Z\n$/],
  [/act block --address/, /^203\.0\.113\.0\/24 is blocked\n$/],
  [/act unblock/, /^203\.0\.113\.0\/24 is no longer blocked\n$/],
  [/--scale 2/, /^client acme now has 2 times the limit of every rule that counts by client until /],
  [/--limit 500\/hour/, /^client acme now has the limit 500\/hour of rule 'few'\n$/],
  [/act limit/, /^rule 'few' now has the limit 20\/minute until /],
  [/--off/, /^rule 'few' is now enforced\n$/],
  [/act shadow/, /^rule 'few' is now a shadow rule\n$/],
  [/act reset/, /^usage of 'acme' reset for the rule few\n$/],
  [/act list/, /^[0-9a-f]{12} {2}.*client acme is blocked until \S+Z \(admin: leaked key, ticket 4711\)/ms],
]

let gateway: Gateway
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-operating-'))
  const ignore = () => {}
  const log = { info: ignore, warn: ignore, error: ignore, crashed: ignore, upstreamFailed: ignore }
  gateway = await startGateway(parseConfig(CONFIG, 'gateway.yaml'), log)
  const admin = `http://127.0.0.1:${gateway.adminAddress?.port}`
  await writeFile(
    join(folder, 'npx'),
    `#!/bin/sh\nshift\nexec '${process.execPath}' '${CLI}' "$@" --admin ${admin}\n`,
  )
  await chmod(join(folder, 'npx'), 0o755)
  // A reset needs a client that a rule has seen.
  const url = `http://127.0.0.1:${gateway.address.port}/predict`
  await fetch(url, { method: 'POST', headers: { 'x-client-id': 'acme' } })
})
afterAll(async () => {
  await gateway?.close()
  await rm(folder, { recursive: true, force: true })
})

it('every command of docs/operating.md prints what it changed', async () => {
  const page = await readFile(join(ROOT, 'docs', 'operating.md'), 'utf8')
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text)
  const commands = blocks.flatMap((text) => text.trim().split('\n'))
  expect(commands).toHaveLength(OUTPUTS.length)
  for (const command of commands) {
    const expected = OUTPUTS.find(([pattern]) => pattern.test(command))
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, SLUICE_TOKEN: TOKEN }
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', command], { env })
    expect(stdout, command).toMatch(expected?.[1] ?? /^no expectation$/)
  }
}, 180_000)
