import type { Connection } from '../connection.js'

/** What is used of node-redis: of `createClient`, `createClientPool`, `createSentinel` and `createCluster`. */
export interface NodeRedisClient {
  evalSha(sha: string, options: ScriptOptions): Promise<unknown>
  eval(script: string, options: ScriptOptions): Promise<unknown>
  /** The same client, whose answers of a kind come as another type. */
  withTypeMapping(mapping: { readonly [BULK_STRING]: typeof Buffer }): Scripting
}

type Scripting = Pick<NodeRedisClient, 'evalSha' | 'eval'>

/** What the protocol begins a text with whose length it says (`$`): `RESP_TYPES.BLOB_STRING`. */
const BULK_STRING = 36

interface ScriptOptions {
  keys: string[]
  arguments: string[]
}

/** Over node-redis, which writes the commands of one tick together by itself. */
export class NodeRedisConnection implements Connection {
  readonly cluster: boolean
  readonly keyPrefix: string
  readonly #client: Scripting

  constructor(client: NodeRedisClient) {
    this.#client = client.withTypeMapping({ [BULK_STRING]: Buffer })
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

  async close(): Promise<void> {
    // The client is the user's, who made it.
  }
}
