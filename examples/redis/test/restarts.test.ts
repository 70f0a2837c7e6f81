import { expect, it, onTestFinished } from 'vitest'
import { startRedis } from '../../../packages/sluice/test/stores/servers/redis.js'
import { curlLoop, startExample, statuses } from '../../support/prediction-app/test/running.js'

const BODY = { body: '{"features":[1,2,3]}' }

it('examples/redis keeps usage across restarts of the app and of Redis', async () => {
  // Started as in the README.
  const redis = await startRedis(['--appendonly', 'yes'])
  onTestFinished(() => redis.stop())
  const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, STORE_DEADLINE: '30s' }
  {
    await using app = await startExample('redis', env)
    expect(await curlLoop(15, `${app.url}/predict`, BODY)).toEqual(statuses([200, 15]))
  }
  await using app = await startExample('redis', env)
  const predict = (times: number) => curlLoop(times, `${app.url}/predict`, BODY)
  expect(await predict(3)).toEqual(statuses([200, 3]))
  await redis.crash()
  await redis.startAgain()
  expect(await predict(4)).toEqual(statuses([200, 2], [429, 2]))
})

it('examples/redis admits a third of the limit in each process while Redis is unavailable', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  await using app = await startExample('redis', { REDIS_URL: `redis://127.0.0.1:${redis.port}` })
  await redis.crash()
  // A third of twenty is rounded down to six.
  const answers = await curlLoop(60, `${app.url}/predict`, BODY)
  expect(answers.filter((status) => status === 200)).toHaveLength(18)
  expect(answers.filter((status) => status === 429)).toHaveLength(42)
})
