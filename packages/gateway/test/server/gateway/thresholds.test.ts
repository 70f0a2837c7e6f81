import { expect, it } from 'vitest'
import { startReceiver } from '../webhooks/receiver.js'
import { send, startTestGateway, until } from './running-gateway.js'

const SECRET = '0123456789abcdef0123456789abcdef'

it('admits requests above a soft limit, and tells the client, the metrics and the usage', async () => {
  const { url, adminUrl } = await startTestGateway(`
usage: /v1/usage
routes:
  - match: POST /predict
    limits: [{ name: daily, limit: 2/day, algorithm: fixed-window, by: ip, soft: true, warn: [50%, 150%] }]
`)
  const warnings: (string | null)[] = []
  for (let request = 0; request < 4; request++) {
    const response = await send(url, '/predict')
    expect(response.status).toBe(200)
    warnings.push(String(response.headers['sluice-warning'] ?? '').replace(/;t=\d+/, ''))
  }
  expect(warnings).toEqual([
    '"daily";used=50',
    '"daily";used=100',
    '"daily";used=150;over',
    '"daily";used=200;over',
  ])
  const usage = (await (await fetch(`${url}/v1/usage`)).json()) as { readonly rules: readonly object[] }
  expect(usage.rules).toMatchObject([{ rule: 'daily', used: 4, left: 0, warning: '150%', soft: true }])
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
  expect(metrics).toContain('sluice_soft_overruns_total{route="POST /predict",rule="daily"} 2')
  for (const threshold of ['50%', '150%'])
    expect(metrics).toContain(
      `sluice_threshold_crossings_total{route="POST /predict",rule="daily",threshold="${threshold}"} 1`,
    )
})

it('counts tokens towards thresholds when they are settled, not when they are reserved', async () => {
  const receiver = await startReceiver(() => 204)
  const completion = {
    choices: [{ message: { content: 'yes' } }],
    usage: { prompt_tokens: 10, completion_tokens: 50, total_tokens: 60 },
  }
  const { url } = await startTestGateway(
    `
webhooks: [{ url: '${receiver.url}', secret: ${SECRET} }]
routes:
  - match: POST /v1/chat/completions
    llm: openai
    limits: [{ limit: 1000/day, of: tokens, algorithm: fixed-window, by: ip, warn: [10%, 50%] }]
`,
    (_request, response) =>
      void response.setHeader('content-type', 'application/json').end(JSON.stringify(completion)),
  )
  // Each call reserves more than half of the limit, and uses 60 tokens.
  const body = JSON.stringify({ model: 'm', max_tokens: 600, messages: [{ role: 'user', content: 'hi' }] })
  const call = () =>
    send(url, '/v1/chat/completions', { body, headers: { 'content-type': 'application/json' } })
  const first = await call()
  expect(first.headers['sluice-warning']).toBeUndefined()
  expect(receiver.attempts).toBe(0)
  await call()
  await until(() => receiver.delivered.size === 1)
  const [notice] = [...receiver.delivered.values()].map((delivered) => JSON.parse(delivered.body))
  expect(notice).toMatchObject({
    type: 'threshold',
    resource: 'tokens',
    threshold: 0.1,
    used: 120,
    limit: 1000,
  })
  const third = await call()
  expect(String(third.headers['sluice-warning'])).toMatch(/^"tokens";used=12;/)
})
