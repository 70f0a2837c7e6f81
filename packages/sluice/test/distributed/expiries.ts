import { Redis } from 'ioredis'
import type { Backend } from './backends.js'

/** Bounds of the time at which a key expires, in milliseconds since the epoch. */
export interface Expiry {
  readonly from: number
  readonly to: number
}

/**
 * Returns the remaining lifetime of a key in milliseconds, which is -1 without an expiry, and the
 * server's time.
 */
const TTL_SCRIPT = `
  local time = redis.call('TIME')
  return { redis.call('PTTL', KEYS[1]), string.format('%.3f', time[1] * 1000 + time[2] / 1000) }`

/** Returns every key on the servers with its expiry, which is infinite if none is set. */
export async function expiriesOn({ nodes, memcached }: Backend): Promise<Map<string, Expiry>> {
  const all = new Map<string, Expiry>()
  if (memcached !== undefined) {
    for (const [key, second] of await memcached.keys()) all.set(key, withinSecond(second))
  }
  for (const { port } of nodes) {
    const client = new Redis(port)
    try {
      for await (const keys of client.scanStream({ count: 100 })) {
        for (const key of keys as string[]) {
          const [left, now] = (await client.eval(TTL_SCRIPT, 1, key)) as [number, string]
          const at = left === -1 ? Number.POSITIVE_INFINITY : Number(now) + left
          // PTTL is rounded to whole milliseconds. -2 means that the key has expired since the
          // scan.
          if (left !== -2) all.set(key, { from: at - 1, to: at + 1 })
        }
      }
    } finally {
      client.disconnect()
    }
  }
  return all
}

/**
 * Returns the expiry of a Memcached key that expires at the start of this second by the server's
 * clock, which may lag by up to one second.
 */
function withinSecond(second: number): Expiry {
  if (second < 0) return { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY }
  return { from: second * 1000, to: (second + 1) * 1000 }
}
