import { expect, it, onTestFinished, vi } from 'vitest'
import {
  type MemcachedClient,
  MemcachedClientConnection,
} from '../../../src/stores/memcached/memcached-client-connection.js'

it.each([5_000, 100 * 86_400_000])(
  'a Memcached connection rejects half a second after the command timeout of %s ms if the client never responds',
  async (cmdTimeout) => {
    vi.useFakeTimers()
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const client: Partial<MemcachedClient> = {
      gets: () => new Promise(() => {}),
      options: { server: {}, cmdTimeout },
    }
    let failed = false
    new MemcachedClientConnection(client as MemcachedClient, false).gets('key').catch(() => {
      failed = true
    })
    await vi.advanceTimersByTimeAsync(cmdTimeout + 499)
    expect(failed).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(failed).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  },
)
