import { setTimeout as pause } from 'node:timers/promises'
import { it } from 'vitest'
import { startMemcached } from '../../stores/servers/memcached.js'
import { startRedis } from '../../stores/servers/redis.js'
import { expectGuarantees, summaryOf } from './expectations.js'
import { runUnderLoad } from './load.js'

const HANG_MS = 10_000

const SERVERS = {
  async Redis() {
    const server = await startRedis()
    return { ...server, url: `redis://127.0.0.1:${server.port}`, clocks: 0 }
  },
  async Memcached() {
    return { ...(await startMemcached()), clocks: 1000 }
  },
}

it.concurrent.each(['Redis', 'Memcached'] as const)(
  `under load, every guarantee holds while %s hangs for ${HANG_MS / 1000} s`,
  async (name) => {
    const server = await SERVERS[name]()
    try {
      const groups = await runUnderLoad(server.url, async () => {
        server.process.kill('SIGSTOP')
        await pause(HANG_MS)
        server.process.kill('SIGCONT')
      })
      console.log(`${name} stopped for ${HANG_MS / 1000} s: ${summaryOf(groups)}`)
      expectGuarantees(groups, { fault: 'outage', sockets: 1, clocks: server.clocks })
    } finally {
      await server.stop()
    }
  },
)
