import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest'
import { type RedisServer, startRedis } from '../../stores/servers/redis.js'
import { startWire, type Wire } from '../../stores/servers/wire.js'
import { expectGuarantees, summaryOf } from './expectations.js'
import { runUnderLoad } from './load.js'

describe('under load, every guarantee holds while the connection to Redis', () => {
  let server: RedisServer
  let wire: Wire

  beforeAll(async () => {
    server = await startRedis()
    wire = await startWire(server.port)
  })
  beforeEach(() => server.cli('flushall'))
  afterAll(async () => {
    wire?.stop()
    await server?.stop()
  })

  it.each<[title: string, fault: () => Promise<void>]>([
    [
      'drops all bytes for 4 s',
      async () => {
        wire.mode = 'drop'
        await pause(4000)
        wire.mode = 'forward'
      },
    ],
    [
      'is reset every 50 ms for 2 s',
      async () => {
        for (let repetition = 0; repetition < 40; repetition++) {
          wire.reset()
          await pause(50)
        }
      },
    ],
    [
      'is 200 ms slower for 2 s',
      async () => {
        wire.mode = 200
        await pause(2000)
        wire.mode = 'forward'
      },
    ],
  ])('%s', async (title, fault) => {
    const groups = await runUnderLoad(`redis://127.0.0.1:${wire.port}`, fault)
    console.log(`A connection that ${title}: ${summaryOf(groups)}`)
    expectGuarantees(groups, { fault: 'outage', sockets: 1 })
  })
})
