import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { startReceiver } from '../gateway/otlp-receiver.js'
import { send, startTestGateway } from '../gateway/running-gateway.js'
import { answering, namedServer } from './named-servers.js'

afterEach(() => vi.unstubAllEnvs())

describe('the upstream that served a request', () => {
  it('is in its trace and in its line of the access log', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-upstreams-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'access.jsonl')
    const receiver = await startReceiver()
    const busy = await namedServer('busy', answering(429))
    const next = await namedServer('next')
    const { url, gateway } = await startTestGateway(
      `
telemetry: { otlp: { endpoint: ${receiver.url}, protocol: http/json } }
access_log: { file: ${file} }
upstreams:
  busy: { url: "${busy.url}", fallback: next }
  next: { url: "${next.url}" }
routes:
  - { match: /x, upstream: busy }
  - { match: /refused, upstream: busy, limits: [{ concurrent: 1 }], require: "false" }
`,
      next.url,
    )
    for (const path of ['/x', '/refused', '/other']) await send(url, path)
    const spans = await receiver.awaitSpans(3)
    await gateway.close()
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    const logged = new Map(lines.map((line) => [JSON.parse(line).path, JSON.parse(line).upstream]))
    const traced = new Map(
      spans.map(({ attributes }) => [attributes['url.path'], attributes['sluice.upstream']]),
    )
    for (const found of [logged, traced])
      expect(Object.fromEntries(found)).toEqual({ '/x': 'next', '/refused': undefined, '/other': 'default' })
  })
})
