import type { Connection } from '../connection.js'

/** What is used of node-redis: of `createClient`, `createClientPool`, `createSentinel` and `createCluster`. */
export interface NodeRedisClient {
  evalSha(sha: string, options: ScriptOptions): Promise<unknown>
  eval(script: string, options: ScriptOptions): Promise<unknown>
  unlink(key: string): Promise<unknown>
}

interface ScriptOptions {
  keys: string[]
  arguments: string[]
}

/** Over node-redis, which writes the commands of one tick together by itself. */
export class NodeRedisConnection implements Connection {
  readonly cluster: boolean
  readonly keyPrefix: string
  readonly #client: NodeRedisClient

  constructor(client: NodeRedisClient) {
    this.#client = client
    this.cluster = 'masters' in client
    this.keyPrefix = 'keyPrefix' in client && typeof client.keyPrefix === 'string' ? client.keyPrefix : ''
  }

  run(
    command: 'evalsha' | 'eval',
    script: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    const options = { keys: [...keys], arguments: [...args] }
    return command === 'eval' ? this.#client.eval(script, options) : this.#client.evalSha(script, options)
  }

  unlink(key: string): Promise<unknown> {
    return this.#client.unlink(key)
  }

  async close(): Promise<void> {
    // The client is the user's, who made it.
  }
}
