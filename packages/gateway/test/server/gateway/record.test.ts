import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
