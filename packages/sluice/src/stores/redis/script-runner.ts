import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { SCRIPT } from './lua/inlined.js'
import type { RedisConnection } from './redis-connection.js'

/** SHA-1 digest that identifies the script in the cache of a server. */
const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex')

/** Delay before the single retry on a server that is not ready, in milliseconds. */
const RETRY_DELAY_MS = 20

/**
 * Runs the script over a connection. Retries after errors that guarantee that nothing was done: the
 * server does not have the script, is still loading, or has become a replica. A call that may have
 * taken effect, because the connection broke before the reply, is never sent again.
 */
export class ScriptRunner {
  /**
   * The call that sends the source of the script. Other calls wait for it instead of sending the
   * source too.
   */
  #loading: Promise<unknown> | undefined

  constructor(private readonly connection: RedisConnection) {}

  async run(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await this.#runLoaded(keys, args)
    } catch (error) {
      if (!isNotReady(error)) throw error
      if (startsWith(error, 'READONLY')) this.connection.reconnect?.()
      await pause(RETRY_DELAY_MS)
      return this.#runLoaded(keys, args)
    }
  }

  async #runLoaded(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await this.#bySha(keys, args)
    } catch (error) {
      if (!startsWith(error, 'NOSCRIPT')) throw error
    }
    if (this.#loading !== undefined) {
      await this.#loading.catch(() => {})
      try {
        return await this.#bySha(keys, args)
      } catch (error) {
        // Another node of a cluster may not have the script yet.
        if (!startsWith(error, 'NOSCRIPT')) throw error
        return this.#bySource(keys, args)
      }
    }
    const loaded = this.#bySource(keys, args)
    this.#loading = loaded
    try {
      return await loaded
    } finally {
      this.#loading = undefined
    }
  }

  #bySha(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.connection.run('evalsha', SCRIPT_SHA, keys, args)
  }

  #bySource(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.connection.run('eval', SCRIPT, keys, args)
  }
}

/** Reports whether the server temporarily rejected the call and did nothing. */
function isNotReady(error: unknown): boolean {
  return ['READONLY', 'LOADING', 'MASTERDOWN', 'TRYAGAIN', 'CLUSTERDOWN', 'MOVED', 'ASK'].some((word) =>
    startsWith(error, word),
  )
}

function startsWith(error: unknown, word: string): boolean {
  return error instanceof Error && error.message.startsWith(`${word} `)
}
