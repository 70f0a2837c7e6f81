import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keyDigest } from 'sluice/identity'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { searchSecrets } from '../../../../sluice/test/secret-search.js'
import { type RedisServer, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { fleetOf, untilWithin } from '../acts/fleet.js'
import { send } from '../gateway/running-gateway.js'
import { changeKeys, createKeyOn, readKeys, statusWith } from './key-api.js'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  await redis.cli('flushall')
})
afterAll(() => redis?.stop())

/** Returns the names and the values of everything in Redis. */
async function everythingInRedis(): Promise<string> {
  const names = (await redis.cli('keys', '*')).split('\n').filter((name) => name !== '')
  const values = names.map(async (name) => {
    const type = await redis.cli('type', name)
    if (type === 'hash') return redis.cli('hgetall', name)
    if (type === 'zset') return redis.cli('zrange', name, '0', '-1', 'withscores')
    return redis.cli('get', name)
  })
  return [...names, ...(await Promise.all(values))].join('\n')
}

async function filesIn(folder: string): Promise<string> {
  const names = await readdir(folder)
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('\n')
}

it.each(['store', 'keys.yaml'])(
  'keys in %s appear nowhere but in the response that creates them',
  async (place) => {
    const fleet = await fleetOf(
      `store: redis://127.0.0.1:${redis.port}/0\nroutes: [{ match: POST /predict, limits: [{ limit: 2/hour, algorithm: fixed-window }] }]\n` +
        'access_log: { file: access.jsonl }\nrecord: record.jsonl\nusage: /v1/usage\n',
      `identity: { api_keys: ${place}, forward_credentials: false }\n`,
    )
    await writeFile(join(fleet.folder, 'keys.yaml'), 'keys: []\n')
    const gateway = await fleet.start()
    const { key, id } = await createKeyOn(gateway, { client: 'acme' })
    const rotated = (await changeKeys(gateway, `/${id}/rotate`, { grace: '1h' })).body
    const unknown = `sluice_${'a'.repeat(49)}`
    const secrets = [key, rotated.key as string, unknown]

    const answers: string[] = []
    const ask = async (target: string, headers: object, method = 'POST') => {
      const { status, headers: answered, text } = await send(gateway.url, target, { method, headers })
      answers.push(JSON.stringify(answered), text)
      return status
    }
    expect(await statusWith(gateway, key)).toBe(200)
    for (const secret of secrets) {
      for (let count = 0; count < 2; count++) await ask('/predict', { 'x-api-key': secret })
      await ask('/v1/usage', { authorization: `Bearer ${secret}` }, 'GET')
      await ask('/predict', { authorization: `Basic ${Buffer.from(`${secret}:`).toString('base64')}` })
      await ask('/predict', { 'x-goog-api-key': secret })
    }
    expect(await ask('/predict', { 'x-api-key': key })).toBe(429)
    expect(await ask('/predict', { 'x-api-key': unknown })).toBe(401)
    await changeKeys(gateway, `/${id}/label`, { labels: { team: 'red' } })
    await untilWithin(
      30_000,
      async () => (await readKeys(gateway, '?label=team')).keys[0]?.lastUsed !== undefined,
    )
    const pages = [
      '/api/keys',
      `/api/keys/${id}`,
      '/api/status',
      '/api/talkers',
      '/api/refusals',
      '/metrics',
      '/api/config',
      '/api/client?q=acme',
      '/api/acts/current',
    ]
    for (const page of pages) answers.push((await send(gateway.adminUrl, page, { method: 'GET' })).text)
    await gateway.stop()

    const outputs = {
      answers: answers.join('\n'),
      log: gateway.log(),
      files: await filesIn(fleet.folder),
      redis: await everythingInRedis(),
    }
    expect(outputs.redis).toContain('acme')
    if (place === 'store') expect(outputs.redis).toContain(keyDigest(key))
    else expect(outputs.files).toContain(keyDigest(key))
    const texts = Object.entries(outputs).map(([where, text]) => ({ where, text }))
    expect(searchSecrets(texts, { key, rotated: secrets[1] as string, unknown })).toEqual([])
  },
)
