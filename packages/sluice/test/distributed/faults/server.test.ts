import { setTimeout as pause } from 'node:timers/promises'
import { describe, it, onTestFinished } from 'vitest'
import { startMemcached } from '../../stores/servers/memcached.js'
import { startRedis } from '../../stores/servers/redis.js'
import { expectGuarantees, summaryOf } from './expectations.js'
import { runUnderLoad } from './load.js'

const REPETITIONS = 3

describe('under load, every guarantee holds', () => {
  it.each([
    ['by URL', undefined],
    ['through ioredis', 'ioredis'],
    ['through node-redis', 'node-redis'],
  ] as const)(
    'when Redis, reached %s, is killed and restarted with its append-only file',
    async (how, client) => {
      const server = await startRedis(['--appendonly', 'yes'])
      onTestFinished(() => server.stop())
      const fault = async () => {
        await server.crash()
        await pause(2000)
        await server.startAgain()
      }
      const groups = await runUnderLoad(`redis://127.0.0.1:${server.port}`, fault, client)
      console.log(`Redis, ${how}, killed for 2 s: ${summaryOf(groups)}`)
      expectGuarantees(groups, { fault: 'outage', sockets: 1 })
    },
  )

  it('when Memcached is killed and restarted empty', async () => {
    const servers = [await startMemcached()]
    onTestFinished(async () => {
      for (const server of servers) await server.stop()
    })
    const [{ url, port, stop }] = servers as [(typeof servers)[0]]
    const groups = await runUnderLoad(url, async () => {
      await stop()
      await pause(2000)
      servers.push(await startMemcached(port))
    })
    console.log(`Memcached killed for 2 s: ${summaryOf(groups)}`)
    expectGuarantees(groups, { fault: 'outage', sockets: 1, losses: 1, clocks: 1000 })
  })

  it.each([
    ['SCRIPT FLUSH', ['script', 'flush'], 0],
    ['FLUSHALL', ['flushall'], REPETITIONS],
  ] as const)('when %s is run repeatedly', async (name, command, losses) => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const groups = await runUnderLoad(`redis://127.0.0.1:${server.port}`, async () => {
      for (let repetition = 0; repetition < REPETITIONS; repetition++) {
        await server.cli(...command)
        await pause(300)
      }
    })
    console.log(`${name}, ${REPETITIONS} times: ${summaryOf(groups)}`)
    expectGuarantees(groups, { fault: 'recoverable', sockets: 1, losses })
  })
})
