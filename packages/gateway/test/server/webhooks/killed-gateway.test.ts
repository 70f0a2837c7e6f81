import { createHmac } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { sluice } from '../../cli/program.js'
import { startUpstream, until } from '../gateway/running-gateway.js'
import { startReceiver } from './receiver.js'

const CLIENTS = 12
const SECRET = 'a secret of the receiver'

let redis: RedisServer
let folder: string
beforeAll(async () => {
  redis = await startRedis()
  folder = await mkdtemp(join(tmpdir(), 'sluice-webhooks-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await redis?.stop()
})

it.each([1, 2])(
  'a receiver that fails twice gets each threshold, though one of two gateways with %i worker processes is killed',
  { timeout: 180_000 },
  async (workers) => {
    const receiver = await startReceiver((attempt) => (attempt <= 2 ? 503 : 204))
    const upstream = await startUpstream((_request, response) => response.end('fine'))
    const start = async (name: string) => {
      const file = join(folder, `${name}.yaml`)
      await writeFile(
        file,
        `listen: 127.0.0.1:0
admin: off
upstream: ${upstream}
workers: ${workers}
store: redis://127.0.0.1:${redis.port}/${workers}
webhooks:
  - { url: ${receiver.url}, secret: ${SECRET}, timeout: 1s }
routes:
  - match: POST /predict/:client
    limits: [{ name: daily, limit: 20/day, algorithm: fixed-window, by: params.client, warn: ['50%', '80%', '100%'] }]
`,
      )
      const program = sluice('serve', file)
      await until(() => /http:\S+/.test(program.output.out))
      return { ...program, url: /http:\S+/.exec(program.output.out)?.[0] as string }
    }
    const [killed, other] = await Promise.all([start('killed'), start('other')])
    const call = async (url: string, client: number, requests: number) => {
      for (let each = 0; each < requests; each++)
        await (await fetch(new URL(`/predict/c${client}`, url), { method: 'POST' })).text()
    }
    const clients = Array.from({ length: CLIENTS }, (_, client) => client)

    // Both gateways take from each limit, and the one that is killed reaches the first threshold.
    await Promise.all(clients.map((client) => call(other.url, client, 4)))
    await Promise.all(clients.map((client) => call(killed.url, client, 7)))
    await until(() => receiver.attempts > 0)
    killed.child.kill('SIGKILL')
    await killed.ended
    // A half of the keys has no more traffic: the other gateway learns their thresholds from Redis.
    await Promise.all(
      clients.filter((client) => client % 2 === 0).map((client) => call(other.url, client, 12)),
    )

    const expected = clients.flatMap((client) =>
      (client % 2 === 0 ? [0.5, 0.8, 1] : [0.5]).map((threshold) => `c${client} ${threshold}`),
    )
    await until(() => receiver.delivered.size >= expected.length)
    const bodies = [...receiver.delivered.values()].map(({ body }) => JSON.parse(body))
    expect(bodies.map(({ key, threshold }) => `${key} ${threshold}`).sort()).toEqual(expected.sort())
    for (const { body, signature } of receiver.delivered.values()) {
      const [, seconds, digest] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? []
      expect(createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex')).toBe(digest)
    }
    console.info(`${receiver.delivered.size} thresholds in ${receiver.attempts} attempts`)
  },
)
