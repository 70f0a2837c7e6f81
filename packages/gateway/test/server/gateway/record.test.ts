import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { send, startTestGateway } from './running-gateway.js'

it('a recording gateway serves requests with an invalid address if no rule reads it, and frees their slots', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const { url } = await startTestGateway(
    [
      `record: ${join(folder, 'traffic.jsonl.gz')}`,
      'identity: { trusted_proxies: [127.0.0.1] }',
      'routes: [{ match: POST /predict, limits: [{ concurrent: 1, by: everyone }] }]',
    ].join('\n'),
  )
  for (let count = 0; count < 3; count++) {
    const headers = { 'x-forwarded-for': 'nonsense' }
    expect((await send(url, '/predict', { headers })).status).toBe(200)
  }
})

it('a recording gateway does not record requests that the limits do not apply to', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'traffic.jsonl.gz')
  const { url, gateway } = await startTestGateway(
    [
      `record: ${file}`,
      'identity: { trusted_proxies: [127.0.0.1] }',
      `routes: [{ match: POST /predict, limits: [9/minute], allow: [192.0.2.0/24], require: "headers['x-team'] == 'ml'" }]`,
    ].join('\n'),
  )
  for (const address of ['192.0.2.7', '203.0.113.7', '192.0.2.8'])
    expect(
      (await send(url, '/predict', { headers: { 'x-team': 'ml', 'x-forwarded-for': address } })).status,
    ).toBe(200)
  await gateway.close()
  const lines = gunzipSync(await readFile(file))
    .toString()
    .trim()
    .split('\n')
  expect(lines.filter((line) => line.includes('/predict'))).toHaveLength(1)
})

it('a record contains the ID of each request', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'traffic.jsonl.gz')
  const { gateway, url } = await startTestGateway(
    `record: ${file}\ndefault: { limits: [{ limit: 1/hour, algorithm: fixed-window }] }`,
  )
  const answers = [await send(url, '/predict'), await send(url, '/predict')]
  await gateway.close()
  const lines = gunzipSync(await readFile(file))
    .toString()
    .trimEnd()
    .split('\n')
    .slice(1)
  expect(
    lines.map((line) => JSON.parse(line)).map(({ outcome, request_id }) => [outcome, request_id]),
  ).toEqual([
    ['allowed', answers[0]?.headers['x-request-id']],
    ['refused', answers[1]?.headers['x-request-id']],
  ])
})

it('a record contains the model of calls whose tokens are not limited, and only the labels that limits use', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'traffic.jsonl.gz')
  const { gateway, url } = await startTestGateway(`record: ${file}
identity:
  trusted_proxies: [127.0.0.1]
  proxy_headers: { client: X-Client, labels: { org: X-Org, team: X-Team, secret: X-Secret } }
routes:
  - match: POST /v1/chat/completions
    llm: openai
    limits: [{ limit: 9/hour, by: client.org, when: "model == 'big' || client.team == 'red'" }]`)
  const headers = { 'x-client': 'ada', 'x-org': 'acme', 'x-team': 'red', 'x-secret': 'hidden' }
  for (const model of ['big', undefined]) {
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }] })
    await send(url, '/v1/chat/completions', { headers, body })
  }
  await gateway.close()
  const text = gunzipSync(await readFile(file)).toString()
  expect(text).not.toMatch(/acme|hidden|ada/)
  const lines = text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line))
  const labels = { org: expect.stringMatching(/^[\w-]{16}$/), team: 'red' }
  expect(lines).toEqual(['big', ''].map((model) => expect.objectContaining({ model, labels })))
})
