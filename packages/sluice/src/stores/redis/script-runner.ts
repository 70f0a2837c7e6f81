import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { SCRIPT } from './lua/inlined.js'
import type { Connection } from './redis-connection.js'

/** Names the script to a server that has cached it. */
const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex')

/** How long a server that is not ready is left alone before the one retry, in milliseconds. */
const PAUSE = 20

/**
 * Runs the script over a connection, and mends what can be mended: a server that has not seen the script, one that is
 * still loading or has become a replica. Each of these answers says that nothing was done. What may have been done,
 * because the connection broke before an answer came, is never sent again.
 */
export class ScriptRunner {
  /** The first call to send the text; who comes meanwhile waits for it instead of sending it too. */
  #teaching: Promise<unknown> | undefined

  constructor(private readonly connection: Connection) {}

  async run(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await this.#known(keys, args)
    } catch (error) {
      if (!isNotReady(error)) throw error
      if (startsWith(error, 'READONLY')) this.connection.reconnect?.()
      await pause(PAUSE)
      return this.#known(keys, args)
    }
  }

  async #known(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await this.#bySha(keys, args)
    } catch (error) {
      if (!startsWith(error, 'NOSCRIPT')) throw error
    }
    if (this.#teaching !== undefined) {
      await this.#teaching.catch(() => {})
      try {
        return await this.#bySha(keys, args)
      } catch (error) {
        // Another node of a cluster may not have seen it yet.
        if (!startsWith(error, 'NOSCRIPT')) throw error
        return this.#byText(keys, args)
      }
    }
    const taught = this.#byText(keys, args)
    this.#teaching = taught
    try {
      return await taught
    } finally {
      this.#teaching = undefined
    }
  }

  #bySha(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.connection.run('evalsha', SCRIPT_SHA, keys, args)
  }

  #byText(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.connection.run('eval', SCRIPT, keys, args)
  }
}

/** The server answered that it could not do it now, and did nothing. */
function isNotReady(error: unknown): boolean {
  return ['READONLY', 'LOADING', 'MASTERDOWN', 'TRYAGAIN', 'CLUSTERDOWN', 'MOVED', 'ASK'].some((word) =>
    startsWith(error, word),
  )
}

function startsWith(error: unknown, word: string): boolean {
  return error instanceof Error && error.message.startsWith(`${word} `)
}
