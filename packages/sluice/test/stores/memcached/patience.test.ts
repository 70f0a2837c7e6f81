import { expect, it, onTestFinished, vi } from 'vitest'
import { ClientConnection, type MemcachedClient } from '../../../src/stores/memcached/client-connection.js'

it.each([5_000, 100 * 86_400_000])(
  'a Memcached client that waits %s ms for an answer is waited for half a second longer',
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
    new ClientConnection(client as MemcachedClient, false).gets('key').catch(() => {
      failed = true
    })
    await vi.advanceTimersByTimeAsync(cmdTimeout + 499)
    expect(failed).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(failed).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  },
)
