import { ClientConnection } from './client-connection.js'
import type { Connection } from './memcached-connection.js'

/** How long a connection of the store's own waits for the server, in milliseconds, before it is given up: to be there, and to be answered. */
const GREETING = 700
const PATIENCE = 2500

/** A connection that is opened by its first use, with memcache-client. */
export class UrlConnection implements Connection {
  #opening: Promise<Connection> | undefined
  #closed = false

  /** `server`: `host:port`. */
  constructor(private readonly server: string) {}

  async gets(key: string) {
    return (await this.#open()).gets(key)
  }

  async add(...call: Parameters<Connection['add']>) {
    return (await this.#open()).add(...call)
  }

  async cas(...call: Parameters<Connection['cas']>) {
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

  #open(): Promise<Connection> {
    if (this.#closed) return Promise.reject(new Error('the Memcached store is closed'))
    this.#opening ??= open(this.server)
    return this.#opening
  }
}

async function open(server: string): Promise<Connection> {
  const { MemcacheClient } = await load()
  const client = new MemcacheClient({
    server,
    noDelay: true,
    cmdTimeout: PATIENCE,
    connectTimeout: GREETING,
  })
  return new ClientConnection(client, true)
}

async function load() {
  try {
    return await import('memcache-client')
  } catch (cause) {
    // memcache-client needs 'tslib' in a place where not every installation of it has put one.
    throw new Error(
      "a Memcached store from a URL needs the package 'memcache-client'; run: npm install memcache-client tslib",
      { cause },
    )
  }
}
