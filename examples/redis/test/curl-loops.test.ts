import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../../packages/sluice/test/stores/servers/redis.js'
import {
  curlLoop,
  type RunningExample,
  startExample,
  statuses,
} from '../../support/prediction-app/test/running.js'

const run = promisify(execFile)
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const BATCH = '[{"features":[1,2,3]},{"features":[4,5,6]}]'

let redis: RedisServer
let example: RunningExample
beforeAll(async () => {
  redis = await startRedis()
  // On a busy machine Redis may be slow.
  const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, STORE_DEADLINE: '30s' }
  example = await startExample('redis', env)
})
afterAll(async () => {
  await example?.[Symbol.asyncDispose]()
  await redis?.stop()
})

const post = (path: string, body: string) =>
  fetch(`${example.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })

describe('examples/redis', () => {
  it('admits twenty predictions and five batches, even if X-Forwarded-For changes', async () => {
    const predict = (headers: string[] = []) =>
      curlLoop(11, `${example.url}/predict`, { body: '{"features":[1,2,3]}', headers })
    expect(await predict()).toEqual(statuses([200, 11]))
    expect(await predict(['x-forwarded-for: 203.0.113.7'])).toEqual(statuses([200, 9], [429, 2]))
    expect(await curlLoop(7, `${example.url}/predict/batch`, { body: BATCH })).toEqual(
      statuses([200, 5], [429, 2]),
    )
    const refused = await post('/predict/batch', BATCH)
    expect(await refused.json()).toMatchObject({ limit: '5 per 5 minutes' })
  })

  it('reports the invalid field of a body', async () => {
    await redis.cli('flushall')
    const problemsOf = async (path: string, body: string) => {
      const answer = await post(path, body)
      expect(answer.status).toBe(422)
      return answer.json()
    }
    expect(await problemsOf('/predict', '{"features":[1,2,"3"]}')).toMatchObject({
      detail: [{ loc: ['body', 'features', 2] }],
    })
    expect(await problemsOf('/predict/batch', '[{"features":[1,2,3]},{}]')).toMatchObject({
      detail: [{ loc: ['body', 1, 'features'] }],
    })
  })

  it('spreads requests over all three processes', async () => {
    await redis.cli('flushall')
    const processes = new Set<unknown>()
    for (let request = 0; request < 20; request++) {
      const answer = await run('curl', [
        ...['-s', '-H', 'content-type: application/json', '-d', '{"features":[1,2,3]}'],
        `${example.url}/predict`,
      ])
      processes.add(JSON.parse(answer.stdout).process)
    }
    expect(processes.size).toBe(3)
  })

  it.each([
    ['PORT', '99999', 'PORT must be a whole number from 0 to 65535'],
    ['PROCESSES', '0', 'PROCESSES must be a whole number from 1 to 65535'],
  ])('rejects the environment variable %s=%s with a one-line error', async (name, value, line) => {
    await expect(
      run(process.execPath, [MAIN], { env: { ...process.env, [name]: value } }),
    ).rejects.toMatchObject({ code: 1, stderr: `${line}, not '${value}'\n` })
  })

  it('prints a one-line error if its port is in use', async () => {
    const { port } = new URL(example.url)
    const env = { ...process.env, PORT: port, REDIS_URL: `redis://127.0.0.1:${redis.port}` }
    await expect(run(process.execPath, [MAIN], { env })).rejects.toMatchObject({
      code: 1,
      stderr: `port ${port} on 127.0.0.1 is already in use; choose another one with PORT\n`,
    })
  })
})
