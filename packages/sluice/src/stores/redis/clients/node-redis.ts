import { OptionTypeError } from '../../../option-error.js'
import type { Connection } from '../redis-connection.js'
import { type ClientEvents, Connecting } from './connecting.js'

/**
 * What is used of node-redis: of `createClient`, `createClientPool`, `createSentinel` and `createCluster`. Version 4 has no
 * `withTypeMapping`.
 */
export type NodeRedisClient = NodeRedisState & {
  evalSha: unknown
} & (
    | {
        /** The same client, whose answers of a kind come as another type. */
        withTypeMapping(mapping: { readonly [BULK_STRING]: typeof Buffer }): Scripting
      }
    | { sendCommand: unknown; commandOptions?: unknown }
  )

interface NodeRedisState extends ClientEvents {
  /** Whether `connect` was called, and `close` was not. */
  readonly isOpen?: boolean
  readonly isReady?: boolean
  readonly options?: object | undefined
}

interface Scripting {
  evalSha(sha: string, options: ScriptOptions): Promise<unknown>
  eval(script: string, options: ScriptOptions): Promise<unknown>
}

/** What the protocol begins a text with whose length it says (`$`): `RESP_TYPES.BLOB_STRING`. */
const BULK_STRING = 36

interface ScriptOptions {
  keys: string[]
  arguments: string[]
}

/** How a version of node-redis sends a script, with strings in its answer as bytes. */
type SendScript = (
  command: 'evalsha' | 'eval',
  script: string,
  keys: readonly string[],
  args: readonly string[],
) => Promise<unknown>

/** Over node-redis, which writes the commands of one tick together by itself. */
export class NodeRedisConnection implements Connection {
  readonly cluster: boolean
  readonly keyPrefix: string
  readonly #client: NodeRedisState
  readonly #send: SendScript
  /** Undefined where the client itself queues what it is asked before it is connected. */
  readonly #connecting: Connecting | undefined
  /** A connection that was lost is not waited for: without a queue, its calls fail at once, as they are meant to. */
  #hasConnected = false

  /** @throws TypeError for a client that cannot run a script. */
  constructor(client: NodeRedisClient) {
    this.cluster = 'masters' in client
    this.keyPrefix = '_keyPrefix' in client && typeof client._keyPrefix === 'string' ? client._keyPrefix : ''
    this.#client = client
    this.#send = 'withTypeMapping' in client ? byTypeMapping(client) : byRawCommand(client, this.cluster)
    if (!hasOfflineQueue(client.options))
      this.#connecting = new Connecting(client, ['ready', 'reconnecting', 'end'])
  }

  async run(...call: Parameters<SendScript>): Promise<unknown> {
    const { isOpen, isReady } = this.#client
    if (isOpen === false)
      throw new Error('the client of node-redis is not connected; await its connect() when the app starts')
    if (isReady === true) this.#hasConnected = true
    else if (!this.#hasConnected && isReady === false) await this.#connecting?.ended()
    return this.#send(...call)
  }

  async close(): Promise<void> {
    // The client is the user's, who made it.
  }
}

/** Version 5 and later. A mapping of its own takes the place of one in the client's `commandOptions`. */
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

/** Version 4. In its legacy mode the client's own commands take callbacks, and those of `v4` do not. */
function byRawCommand(client: object, cluster: boolean): SendScript {
  if (!('connect' in client && 'sendCommand' in client && typeof client.sendCommand === 'function'))
    throw new OptionTypeError(
      ['client'],
      "'client' is a legacy client; pass the client of node-redis that it was made from",
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
