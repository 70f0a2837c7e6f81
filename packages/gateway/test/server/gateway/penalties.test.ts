import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { echo, send, startTestGateway } from './running-gateway.js'

const ROUTES = `routes:
  - match: POST /login
    limits:
      - { name: login, limit: 3/minute, penalty: 15m, penalty_growth: 2, penalty_max: 1d }
  - match: POST /predict
    limits: [100/hour]
`

const TOKEN = 'a-token-of-some-length'

describe('a limit with a penalty in the gateway', () => {
  it('refuses for the penalty, with its end in Retry-After, and leaves other routes alone', async () => {
    const { url } = await startTestGateway(ROUTES)
    const statuses = []
    for (let attempt = 0; attempt < 4; attempt++) statuses.push((await send(url, '/login')).status)
    expect(statuses).toEqual([200, 200, 200, 429])
    // The limit alone would admit a request after 20 seconds.
    const refused = await send(url, '/login')
    expect(refused.status).toBe(429)
    const retryAfter = Number(refused.headers['retry-after'])
    expect(retryAfter).toBeGreaterThan(880)
    expect(retryAfter).toBeLessThanOrEqual(900)
    expect(JSON.parse(refused.text)).toMatchObject({ reason: 'exceeded', status: 429 })
    expect((await send(url, '/predict')).status).toBe(200)
  })

  it('ends when the dashboard resets the client, which shows its end before', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-penalties-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const hash = createHash('sha256').update(TOKEN).digest('hex')
    const admin = `{ listen: 127.0.0.1:0, token_sha256: ${hash}, audit: ${join(folder, 'audit.jsonl')} }`
    const { url, adminUrl } = await startTestGateway(ROUTES, echo, admin)
    for (let attempt = 0; attempt < 4; attempt++) await send(url, '/login')
    const client = await fetch(`${adminUrl}/api/client?q=127.0.0.1`)
    const { rules } = (await client.json()) as { rules: { rule: string; retryAfterOfOne: number }[] }
    expect(rules.find(({ rule }) => rule === 'login')?.retryAfterOfOne).toBeGreaterThan(880_000)
    const reset = await send(adminUrl, '/api/actions', {
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ act: 'reset', key: '127.0.0.1', reason: 'a test' }),
    })
    expect(reset).toMatchObject({ status: 200 })
    expect((await send(url, '/login')).status).toBe(200)
  })

  it.each(['memory', 'Redis'])(
    'applies in both workers, on %s',
    async (store) => {
      const redis = store === 'Redis' ? await startRedis() : undefined
      onTestFinished(() => redis?.stop())
      const settings =
        redis === undefined
          ? ''
          : `store: redis://127.0.0.1:${redis.port}\non_store_failure: { policy: closed, deadline: 10s }\n`
      const { url } = await serveWithWorkers(2, settings + ROUTES, (_request, response) =>
        response.end('fine'),
      )
      const responses = await Promise.all(Array.from({ length: 40 }, () => send(url, '/login')))
      expect(responses.filter(({ status }) => status === 200)).toHaveLength(3)
      const refused = await Promise.all(Array.from({ length: 20 }, () => send(url, '/login')))
      expect(refused.map(({ status }) => status)).toEqual(Array(20).fill(429))
      for (const { headers } of refused) expect(Number(headers['retry-after'])).toBeGreaterThan(700)
    },
    120_000,
  )
})
