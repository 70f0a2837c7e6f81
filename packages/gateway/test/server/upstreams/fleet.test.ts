import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { sluice } from '../../cli/program.js'
import { send, until } from '../gateway/running-gateway.js'
import { namedServer } from './named-servers.js'

it('gateways on one Redis share the limits of an upstream: N calls in all reach the provider', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const folder = await mkdtemp(join(tmpdir(), 'sluice-fleet-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const provider = await namedServer('provider')
  const file = join(folder, 'gateway.yaml')
  await writeFile(
    file,
    `listen: 127.0.0.1:0
admin: off
upstream: ${provider.url}
store: redis://127.0.0.1:${redis.port}/0
on_store_failure: { policy: closed, deadline: 20s }
upstreams:
  provider: { url: "${provider.url}", limits: [{ limit: 25/hour, algorithm: fixed-window }] }
routes:
  - { match: /x, upstream: provider, limits: [{ limit: 100/hour, algorithm: fixed-window }] }
`,
  )
  const urls = await Promise.all(
    [1, 2].map(async () => {
      const { output, child } = sluice('serve', file)
      await until(() => /http:\S+/.test(output.out) || child.exitCode !== null)
      return /http:\S+/.exec(output.out)?.[0] as string
    }),
  )
  const sent = urls.flatMap((url) => Array.from({ length: 40 }, () => send(url, '/x')))
  const answers = await Promise.all(sent)
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(25)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(55)
  expect(provider.received).toHaveLength(25)
  // The route remains charged for these 25 calls and the current one. Refunds follow the response.
  await until(async () => /;r=74;/.test(String((await send(urls[0] as string, '/x')).headers.ratelimit)))
  expect(provider.received).toHaveLength(25)
})
