import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest'
import { type RedisServer, startRedis } from '../../stores/servers/redis.js'
import { type FaultyProxy, startFaultyProxy } from '../../stores/servers/wire.js'
import { expectGuarantees, summaryOf } from './expectations.js'
import { runUnderLoad } from './load.js'

describe('under load, every guarantee holds while the connection to Redis', () => {
  let server: RedisServer
  let proxy: FaultyProxy

  beforeAll(async () => {
    server = await startRedis()
    proxy = await startFaultyProxy(server.port)
  })
  beforeEach(() => server.cli('flushall'))
  afterAll(async () => {
    proxy?.stop()
    await server?.stop()
  })

  it.each<[title: string, fault: () => Promise<void>]>([
    [
      'drops all bytes for 4 s',
      async () => {
        proxy.mode = 'drop'
        await pause(4000)
        proxy.mode = 'forward'
      },
    ],
    [
      'is reset every 50 ms for 2 s',
      async () => {
        for (let repetition = 0; repetition < 40; repetition++) {
          proxy.reset()
          await pause(50)
        }
      },
    ],
    [
      'is 200 ms slower for 2 s',
      async () => {
        proxy.mode = 200
        await pause(2000)
        proxy.mode = 'forward'
      },
    ],
  ])('%s', async (title, fault) => {
    const groups = await runUnderLoad(`redis://127.0.0.1:${proxy.port}`, fault)
    console.log(`A connection that ${title}: ${summaryOf(groups)}`)
    expectGuarantees(groups, { fault: 'outage', sockets: 1 })
  })
})
