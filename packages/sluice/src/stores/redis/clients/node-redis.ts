import { OptionTypeError } from '../../../option-error.js'
import type { RedisConnection } from '../redis-connection.js'
import { type ClientEvents, ConnectionAttempt } from './connection-attempt.js'

/**
 * The members that the store uses of node-redis clients created by `createClient`,
 * `createClientPool`, `createSentinel` or `createCluster`. Version 4 has no `withTypeMapping`.
 */
export type NodeRedisClient = NodeRedisState & {
  evalSha: unknown
} & (
    | {
        /** Returns the client with a mapping of reply types. */
        withTypeMapping(mapping: { readonly [BULK_STRING]: typeof Buffer }): Scripting
      }
    | { sendCommand: unknown; commandOptions?: unknown }
  )

interface NodeRedisState extends ClientEvents {
  /** True if `connect` was called and `close` was not. */
  readonly isOpen?: boolean
  readonly isReady?: boolean
  readonly options?: object | undefined
}

interface Scripting {
  evalSha(sha: string, options: ScriptOptions): Promise<unknown>
  eval(script: string, options: ScriptOptions): Promise<unknown>
}

/** `RESP_TYPES.BLOB_STRING`: the code of `$`, which marks a bulk string in the protocol. */
const BULK_STRING = 36

interface ScriptOptions {
  keys: string[]
  arguments: string[]
}

/** Sends a script with the API of one version of node-redis. Strings in the reply are buffers. */
type SendScript = (
  command: 'evalsha' | 'eval',
  script: string,
  keys: readonly string[],
  args: readonly string[],
) => Promise<unknown>

/** A connection through node-redis, which writes the commands of one tick together. */
export class NodeRedisConnection implements RedisConnection {
  readonly cluster: boolean
  readonly keyPrefix: string
  readonly #client: NodeRedisState
  readonly #send: SendScript
  /** Undefined if the client queues commands until it is connected. */
  readonly #connecting: ConnectionAttempt | undefined
  /**
   * True once the client has connected. Calls then no longer wait, because a client without a queue
   * is meant to fail fast.
   */
  #hasConnected = false

  /** @throws TypeError for a client that cannot run a script. */
  constructor(client: NodeRedisClient) {
    this.cluster = 'masters' in client
    this.keyPrefix = '_keyPrefix' in client && typeof client._keyPrefix === 'string' ? client._keyPrefix : ''
    this.#client = client
    this.#send = 'withTypeMapping' in client ? byTypeMapping(client) : byRawCommand(client, this.cluster)
    if (!hasOfflineQueue(client.options))
      this.#connecting = new ConnectionAttempt(client, ['ready', 'reconnecting', 'end'])
  }

  async run(...call: Parameters<SendScript>): Promise<unknown> {
    const { isOpen, isReady } = this.#client
    if (isOpen === false)
      throw new Error(
        'the node-redis client is not connected; await client.connect() before the first request',
      )
    if (isReady === true) this.#hasConnected = true
    else if (!this.#hasConnected && isReady === false) await this.#connecting?.ended()
    return this.#send(...call)
  }

  async close(): Promise<void> {
    // The store never closes a client that was passed in.
  }
}

/**
 * Sends scripts with version 5 and later. The mapping overrides the one in the client's
 * `commandOptions`.
 */
function byTypeMapping(client: Extract<NodeRedisClient, { withTypeMapping: unknown }>): SendScript {
  const scripting = client.withTypeMapping({ [BULK_STRING]: Buffer })
  return (command, script, keys, args) => {
    const options = { keys: [...keys], arguments: [...args] }
    return command === 'eval' ? scripting.eval(script, options) : scripting.evalSha(script, options)
  }
}

const AS_BYTES = { returnBuffers: true }

interface RawCommands {
  sendCommand(args: string[], options: typeof AS_BYTES): Promise<unknown>
}

interface RawClusterCommands {
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean,
    args: string[],
    options: typeof AS_BYTES,
  ): Promise<unknown>
}

/**
 * Sends scripts with version 4. In legacy mode, the client's own commands take callbacks; those of
 * `v4` return promises.
 */
function byRawCommand(client: object, cluster: boolean): SendScript {
  if (!('connect' in client && 'sendCommand' in client && typeof client.sendCommand === 'function'))
    throw new OptionTypeError(
      ['client'],
      "'client' is a legacy client; pass the node-redis client from which it was created",
    )
  const isLegacy =
    'options' in client && (client.options as { legacyMode?: boolean } | undefined)?.legacyMode === true
  const sender: unknown = isLegacy ? (client as unknown as { v4: object }).v4 : client
  return (command, script, keys, args) => {
    const all = [command, script, String(keys.length), ...keys, ...args]
    return cluster
      ? (sender as RawClusterCommands).sendCommand(keys[0], false, all, AS_BYTES)
      : (sender as RawCommands).sendCommand(all, AS_BYTES)
  }
}

function hasOfflineQueue(options: { readonly disableOfflineQueue?: unknown } | undefined): boolean {
  return options?.disableOfflineQueue !== true
}
