import { expect, it, onTestFinished } from 'vitest'
import { startMemcached } from '../../../packages/sluice/test/stores/servers/memcached.js'
import { curlLoop, startExample, statuses } from '../../support/prediction-app/test/running.js'

it('examples/memcached keeps usage across processes and app restarts, but not across Memcached restarts', async () => {
  const server = await startMemcached()
  onTestFinished(() => server.stop())
  const env = { MEMCACHED_URL: server.url, STORE_DEADLINE: '30s' }
  const processes = new Set<unknown>()
  {
    await using app = await startExample('memcached', env)
    for (let request = 0; request < 9; request++) {
      const answer = await fetch(`${app.url}/predict`, { method: 'POST', headers: { connection: 'close' } })
      expect(answer.status).toBe(200)
      processes.add(((await answer.json()) as { process: number }).process)
    }
    expect(processes.size).toBe(3)
  }
  await using app = await startExample('memcached', env)
  const predict = (times: number) => curlLoop(times, `${app.url}/predict`, { body: '{}' })
  expect(await predict(3)).toEqual(statuses([200, 1], [429, 2]))
  await server.stop()
  const empty = await startMemcached(server.port)
  onTestFinished(() => empty.stop())
  expect(await predict(11)).toEqual(statuses([200, 10], [429, 1]))
})
