import { systemTimers } from '../../time/timers.js'
import type { CasValue, MemcachedConnection } from './memcached-connection.js'

/** The members of memcache-client's `MemcacheClient` that the store uses. */
export interface MemcachedClient {
  gets(key: string): Promise<unknown>
  add(key: string, value: string, options: { lifetime: number }): Promise<unknown>
  cas(key: string, value: string, options: { lifetime: number; casUniq: string }): Promise<unknown>
  delete(key: string): Promise<unknown>
  cmd(command: string): Promise<unknown>
  shutdown(): void
  readonly options: { readonly server: unknown; readonly cmdTimeout?: number }
}

/** Default command timeout of memcache-client, in milliseconds. */
const DEFAULT_COMMAND_TIMEOUT_MS = 5000

/** Additional time for the client to report its own command timeout, in milliseconds. */
const GRACE_MS = 500

/** A connection through memcache-client. */
export class MemcachedClientConnection implements MemcachedConnection {
  readonly #timeoutMs: number

  constructor(
    private readonly client: MemcachedClient,
    private readonly isOwned: boolean,
  ) {
    this.#timeoutMs = (client.options.cmdTimeout ?? DEFAULT_COMMAND_TIMEOUT_MS) + GRACE_MS
  }

  async gets(key: string): Promise<CasValue | undefined> {
    const read = await this.#send(() => this.client.gets(key))
    if (read === undefined || read === null) return undefined
    const { value, casUniq } = read as { value: unknown; casUniq: unknown }
    return { value, cas: String(casUniq) }
  }

  async add(key: string, value: string, lifetime: number): Promise<boolean> {
    return this.#stored('NOT_STORED', () => this.client.add(key, value, { lifetime }))
  }

  async cas(key: string, value: string, casUniq: string, lifetime: number): Promise<boolean> {
    return this.#stored('EXISTS', () => this.client.cas(key, value, { lifetime, casUniq }))
  }

  async delete(key: string): Promise<void> {
    await this.#send(() => this.client.delete(key)).catch((error: unknown) => {
      if (!hasMessage(error, 'NOT_FOUND')) throw error
    })
  }

  async time(): Promise<number> {
    const stats = (await this.#send(() => this.client.cmd('stats'))) as { STAT?: unknown }
    const lines = Array.isArray(stats?.STAT) ? (stats.STAT as unknown[]) : []
    const line = lines.find((each): each is string[] => Array.isArray(each) && each[0] === 'time')
    const time = Number(line?.[1])
    if (!Number.isSafeInteger(time) || time <= 0)
      throw new Error(
        "the response of the Memcached server to 'stats' contains no 'time', which the store requires",
      )
    return time
  }

  async close(): Promise<void> {
    if (this.isOwned) this.client.shutdown()
  }

  async #stored(conflict: string, command: () => Promise<unknown>): Promise<boolean> {
    try {
      const [response] = (await this.#send(command)) as readonly unknown[]
      return response === 'STORED'
    } catch (error) {
      // NOT_FOUND: the value has expired since it was read.
      if (hasMessage(error, conflict) || hasMessage(error, 'NOT_FOUND')) return false
      throw error
    }
  }

  /**
   * Sends a command with an additional timeout. The client's own timeout does not cover a command
   * that is sent while its connection is closing. Such a command would never settle.
   */
  #send<T>(command: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = systemTimers.start(
        () => reject(new Error(`the Memcached server did not respond within ${this.#timeoutMs} ms`)),
        this.#timeoutMs,
      )
      // The client throws some errors synchronously.
      new Promise<T>((settle) => settle(command()))
        .then(resolve, reject)
        .finally(() => systemTimers.stop(timer))
    })
  }
}

function hasMessage(error: unknown, message: string): boolean {
  return error instanceof Error && error.message === message
}
