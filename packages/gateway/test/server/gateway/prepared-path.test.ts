import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryStore } from 'sluice'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createKey } from '../identity/create-key.js'
import { send, startTestGateway } from './running-gateway.js'

const BODY = JSON.stringify({ data: [1, 2, 3] })
const CHAT = JSON.stringify({ model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'Why?' }] })

it('the gateway decides on prepared charges for keys, tiers, several rules, bodies and slots', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-prepared-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const keys = join(folder, 'keys.yaml')
  const key = await createKey(keys, { client: 'acme', tier: 'premium' })
  const general = vi.spyOn(Object.getPrototypeOf(memoryStore()), 'take')
  onTestFinished(() => general.mockRestore())
  const { url, adminUrl } = await startTestGateway(`
identity: { api_keys: ${keys} }
tiers: { premium: 2 }
routes:
  - match: POST /plain
    limits: [100/minute, { limit: 5000/day, algorithm: fixed-window }, { limit: 1/hour, enforce: false }]
  - match: POST /rows
    limits: [100/minute, { limit: 1000/minute, of: rows, cost: size(body.data) }, { concurrent: 4, wait: 1s }]
  - match: POST /v1/chat/completions
    llm: openai
    limits: [100/minute, { limit: 100k/minute, of: tokens, algorithm: sliding-log }, { concurrent: 4 }]
`)
  const headers = { authorization: `Bearer ${key}` }
  for (const [path, body] of [
    ['/plain', ''],
    ['/rows', BODY],
    ['/v1/chat/completions', CHAT],
  ] as const)
    for (const each of [headers, {}])
      expect([path, (await send(url, path, { headers: each, body })).status]).toEqual([path, 200])
  expect((await send(adminUrl, '/metrics', { method: 'GET' })).text).toMatch(
    /sluice_decisions_total\{.*route="POST \/rows".*\} 1/,
  )
  // `take` is called only if a shadow rule would refuse or a state is not stored as numbers.
  expect(general).not.toHaveBeenCalled()
})
