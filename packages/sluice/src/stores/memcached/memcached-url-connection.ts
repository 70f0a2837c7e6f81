import { MemcachedClientConnection } from './memcached-client-connection.js'
import type { MemcachedConnection } from './memcached-connection.js'

/** Timeouts of a connection that the store opens, in milliseconds. */
const CONNECT_TIMEOUT_MS = 700
const COMMAND_TIMEOUT_MS = 2500

/** A connection through memcache-client that is opened on first use. */
export class MemcachedUrlConnection implements MemcachedConnection {
  #opening: Promise<MemcachedConnection> | undefined
  #closed = false

  /** `server` has the form `host:port`. */
  constructor(private readonly server: string) {}

  async gets(key: string) {
    return (await this.#open()).gets(key)
  }

  async add(...call: Parameters<MemcachedConnection['add']>) {
    return (await this.#open()).add(...call)
  }

  async cas(...call: Parameters<MemcachedConnection['cas']>) {
    return (await this.#open()).cas(...call)
  }

  async delete(key: string) {
    return (await this.#open()).delete(key)
  }

  async time() {
    return (await this.#open()).time()
  }

  async close(): Promise<void> {
    this.#closed = true
    const opened = await this.#opening?.catch(() => undefined)
    await opened?.close()
  }

  #open(): Promise<MemcachedConnection> {
    if (this.#closed) return Promise.reject(new Error('the Memcached store is closed'))
    this.#opening ??= open(this.server)
    return this.#opening
  }
}

async function open(server: string): Promise<MemcachedConnection> {
  const { MemcacheClient } = await load()
  const client = new MemcacheClient({
    server,
    noDelay: true,
    cmdTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
  })
  return new MemcachedClientConnection(client, true)
}

async function load() {
  try {
    return await import('memcache-client')
  } catch (cause) {
    // Some installations of memcache-client lack its dependency 'tslib'.
    throw new Error(
      "a Memcached store from a URL needs the package 'memcache-client'; run: npm install memcache-client tslib",
      { cause },
    )
  }
}
