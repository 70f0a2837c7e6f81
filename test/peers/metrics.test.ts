import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { send, startTestGateway, until } from '../../packages/gateway/test/server/gateway/running-gateway.js'
import { chatModel } from '../../packages/gateway/test/server/gateway/tokens/chat-model.js'
import { peerProgram } from '../../scripts/peers.js'

// The official Python client of Prometheus has strict parsers of both formats.

interface Family {
  readonly name: string
  readonly type: string
  readonly samples: number
  readonly exemplars: readonly Readonly<Record<string, string>>[]
}

function parsed(format: 'openmetrics' | 'prometheus', text: string): Family[] {
  const script = fileURLToPath(new URL('read_metrics.py', import.meta.url))
  const { stdout, stderr } = spawnSync(peerProgram('python'), [script, format], {
    input: text,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Family[]
}

it('the official client of Prometheus reads the same families in both formats, and the exemplars', async () => {
  const model = chatModel({ words: ['one', ' two'], usage: { prompt_tokens: 7, completion_tokens: 3 } })
  const { url, adminUrl } = await startTestGateway(
    `models: ["quoted \\" \\\\ model"]
routes:
  - match: POST /v1/chat/completions
    llm: openai
    limits: [{ limit: 1/hour, name: few }, { limit: 1M/hour, of: tokens }]`,
    model.listener,
  )
  const call = () =>
    send(url, '/v1/chat/completions', {
      body: JSON.stringify({ model: 'quoted " \\ model', stream: true, max_tokens: 9, messages: [] }),
    })
  const admitted = await call()
  const refused = await call()
  expect([admitted.status, refused.status]).toEqual([200, 429])
  const read = async (accept: string) => (await fetch(`${adminUrl}/metrics`, { headers: { accept } })).text()
  await until(async () => (await read('text/plain')).includes('sluice_tokens_total{'))

  const open = parsed('openmetrics', await read('application/openmetrics-text'))
  const classic = parsed('prometheus', await read('text/plain'))
  // Only OpenMetrics has a type for infos.
  const known = (families: readonly Family[]) => families.map(({ name }) => name.replace(/_info$/, ''))
  expect(known(open)).toEqual(known(classic))
  expect(open.map(({ samples }) => samples)).toEqual(classic.map(({ samples }) => samples))
  const exemplars = Object.fromEntries(open.map(({ name, exemplars }) => [name, exemplars]))
  expect(exemplars.sluice_time_to_first_token_seconds).toEqual([
    { request_id: admitted.headers['x-request-id'] },
  ])
  expect(exemplars.sluice_refusals).toEqual([{ request_id: refused.headers['x-request-id'] }])
})
