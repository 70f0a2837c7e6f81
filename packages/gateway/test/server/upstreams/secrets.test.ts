import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { searchSecrets } from '../../../../sluice/test/secret-search.js'
import { checkCommand } from '../../../src/cli/check-command.js'
import { loadConfig } from '../../../src/policy/config/load-config.js'
import { startGateway } from '../../../src/server/gateway.js'
import { createLog } from '../../../src/server/logging/log.js'
import { collectOutput } from '../../policy/config/check-text.js'
import { send } from '../gateway/running-gateway.js'
import { rawUpstream, unusedAddress } from '../proxy/upstream-under-test.js'
import { answering, namedServer } from './named-servers.js'

const KEY = 'sk-planted/Secret+0123456789'

/** A reference to the file that contains the key. */
const REFERENCE = '$'.concat('{file:key}')

it('the credentials of upstreams appear in no output, whatever fails', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-secrets-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const busy = await namedServer('busy', answering(429, { 'retry-after': '30' }))
  const broken = await rawUpstream((socket) => socket.end('HTTP/1.1 nonsense\r\n\r\n'))
  const tls = await namedServer('plain')
  const file = join(folder, 'gateway.yaml')
  const headers = `headers: { authorization: 'Bearer ${REFERENCE}', x-second: '${REFERENCE}' }`
  const text = `
listen: 127.0.0.1:0
admin: 127.0.0.1:0
upstream: ${tls.url}
record: traffic.jsonl
access_log: { file: access.jsonl }
timeouts: { drain: 0 }
upstreams:
  busy: { url: "${busy.url}", ${headers}, limits: [2/hour], health: { path: /health, every: 100ms } }
  dead: { url: "${await unusedAddress()}", ${headers} }
  broken: { url: "${broken.url}", ${headers} }
  tls: { url: "${tls.url.replace('http:', 'https:')}", ${headers} }
routes:
  - { match: /busy, upstream: busy }
  - { match: /dead, upstream: dead }
  - { match: /broken, upstream: broken }
  - { match: /tls, upstream: tls }
  - { match: /chosen, upstream: "headers['x-to']" }
`
  await writeFile(join(folder, 'key'), KEY)
  await writeFile(file, text)
  const output: string[] = []
  const gateway = await startGateway(
    await loadConfig(file),
    createLog({ write: (line) => output.push(line) }),
  )
  const url = `http://127.0.0.1:${gateway.address.port}`
  const adminUrl = `http://127.0.0.1:${gateway.adminAddress?.port}`
  const statuses: number[] = []
  for (const path of ['/busy', '/busy', '/dead', '/dead', '/dead', '/broken', '/tls', '/chosen'])
    for (const method of ['GET', 'POST']) {
      const { status, headers, text } = await send(url, path, {
        method,
        headers: { 'x-to': KEY.slice(0, 4) },
      })
      statuses.push(status)
      output.push(JSON.stringify(headers), text)
    }
  expect(new Set(statuses)).toEqual(new Set([429, 502]))
  expect(JSON.stringify(busy.received)).toContain(KEY)
  for (const path of [
    '/api/status',
    '/api/config',
    '/api/record',
    '/metrics',
    '/',
    '/api/refusals',
    '/api/clients',
  ])
    output.push(await (await fetch(`${adminUrl}${path}`)).text())
  await gateway.close()
  for (const name of ['traffic.jsonl', 'access.jsonl'])
    output.push(await readFile(join(folder, name), 'utf8'))
  const check = async (text: string) => {
    await writeFile(file, text)
    const [out, err] = [collectOutput(), collectOutput()]
    await checkCommand(file, { out, err })
    output.push(out.text(), err.text())
    return out.text() + err.text()
  }
  expect(await check(text)).toContain('sets authorization and x-second')
  expect(await check(text.replace(`'Bearer ${REFERENCE}'`, `"${REFERENCE}\\n"`))).toContain('not shown')
  expect(await check(text.replace('url: "', `url: "${REFERENCE}`))).toMatch(/not shown|must/)
  const all = output.join('\n')
  expect(all).toContain('"upstream":"busy"')
  expect(searchSecrets([{ where: 'output', text: all }], { KEY })).toEqual([])
})
