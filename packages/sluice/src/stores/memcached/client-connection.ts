import { systemTimers } from '../../time/timers.js'
import type { Connection, Read } from './memcached-connection.js'

/** What is used of a `MemcacheClient` of memcache-client. */
export interface MemcachedClient {
  gets(key: string): Promise<unknown>
  add(key: string, value: string, options: { lifetime: number }): Promise<unknown>
  cas(key: string, value: string, options: { lifetime: number; casUniq: string }): Promise<unknown>
  delete(key: string): Promise<unknown>
  cmd(command: string): Promise<unknown>
  shutdown(): void
  readonly options: { readonly server: unknown; readonly cmdTimeout?: number }
}

/** What the client waits for an answer where it was told nothing else, in milliseconds. */
const DEFAULT_PATIENCE = 5000

/** What is waited on top of the client's own patience, in milliseconds. */
const GRACE = 500

/** A connection over a client of memcache-client. */
export class ClientConnection implements Connection {
  readonly #patience: number

  constructor(
    private readonly client: MemcachedClient,
    private readonly owned: boolean,
  ) {
    this.#patience = (client.options.cmdTimeout ?? DEFAULT_PATIENCE) + GRACE
  }

  async gets(key: string): Promise<Read | undefined> {
    const read = await this.#ask(() => this.client.gets(key))
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
    await this.#ask(() => this.client.delete(key)).catch((error: unknown) => {
      if (!says(error, 'NOT_FOUND')) throw error
    })
  }

  async time(): Promise<number> {
    const stats = (await this.#ask(() => this.client.cmd('stats'))) as { STAT?: unknown }
    const lines = Array.isArray(stats?.STAT) ? (stats.STAT as unknown[]) : []
    const line = lines.find((each): each is string[] => Array.isArray(each) && each[0] === 'time')
    const time = Number(line?.[1])
    if (!Number.isSafeInteger(time) || time <= 0)
      throw new Error("the Memcached server does not tell its time in 'stats', which the store needs")
    return time
  }

  async close(): Promise<void> {
    if (this.owned) this.client.shutdown()
  }

  async #stored(refusal: string, command: () => Promise<unknown>): Promise<boolean> {
    try {
      const [answer] = (await this.#ask(command)) as readonly unknown[]
      return answer === 'STORED'
    } catch (error) {
      // What was there when it was read may have expired since.
      if (says(error, refusal) || says(error, 'NOT_FOUND')) return false
      throw error
    }
  }

  /**
   * The client itself ends a command that is not answered. But it loses one that it was given while its connection ended, and
   * then says nothing any more: whoever waits for the key would wait for ever.
   */
  #ask<T>(command: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = systemTimers.start(
        () => reject(new Error(`the Memcached server did not answer within ${this.#patience} ms`)),
        this.#patience,
      )
      // The client throws some of its errors at once.
      new Promise<T>((answer) => answer(command()))
        .then(resolve, reject)
        .finally(() => systemTimers.stop(timer))
    })
  }
}

function says(error: unknown, word: string): boolean {
  return error instanceof Error && error.message === word
}
