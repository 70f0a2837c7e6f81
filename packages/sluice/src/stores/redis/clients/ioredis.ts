import type { RedisConnection } from '../redis-connection.js'
import { slotOf } from '../slot.js'
import { type ClientEvents, ConnectionAttempt } from './connection-attempt.js'

/**
 * The members of ioredis' `Redis` (standalone or with Sentinels) and `Cluster` that the store uses.
 */
export interface IoRedisClient extends ClientEvents {
  /**
   * Creates a command that bypasses `enableAutoPipelining`. Its variant `buffer` returns strings as
   * buffers.
   */
  createBuiltinCommand(command: string): { readonly buffer: SendCommand }
  pipeline(): IoRedisPipeline
  connect(): Promise<void>
  disconnect(reconnect?: boolean): void
  readonly status: string
  readonly isCluster: boolean
  readonly options: object
  /** The nodes of each slot, for a cluster. */
  readonly slots?: readonly (readonly string[])[]
}

type SendCommand = (this: unknown, ...args: string[]) => Promise<unknown>

interface IoRedisPipeline {
  callBuffer(command: string, ...args: string[]): unknown
  exec(): Promise<[error: Error | null, result: unknown][] | null>
}

/** A call to send at the end of the tick. */
interface ScriptCall {
  readonly command: 'evalsha' | 'eval'
  readonly args: readonly string[]
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * A connection through ioredis, which writes each command to the socket separately. In a cluster, a
 * tick may have calls for many slots, so the calls to each node share a pipeline. Outside a
 * cluster, there are few calls per tick, and the server can reply to one while it executes the
 * next.
 */
export class IoRedisConnection implements RedisConnection {
  readonly cluster: boolean
  readonly keyPrefix: string
  readonly #client: IoRedisClient
  /**
   * Commands that bypass automatic pipelining, which is not needed here and would derive the
   * cluster node of a `callBuffer` from the script's digest instead of the key.
   */
  readonly #commands: Readonly<Record<ScriptCall['command'], SendCommand>>
  /** Undefined if the client queues commands until it is connected. */
  readonly #connecting: ConnectionAttempt | undefined
  readonly #isOwned: boolean
  readonly #pending = new Map<string, ScriptCall[]>()

  constructor(client: IoRedisClient, isOwned: boolean) {
    this.#client = client
    this.#isOwned = isOwned
    this.cluster = client.isCluster
    this.keyPrefix = keyPrefixOf(client.options)
    this.#commands = {
      evalsha: client.createBuiltinCommand('evalsha').buffer,
      eval: client.createBuiltinCommand('eval').buffer,
    }
    if (!hasOfflineQueue(client.options))
      this.#connecting = new ConnectionAttempt(client, ['ready', 'close', 'end'])
  }

  run(
    command: ScriptCall['command'],
    script: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    const all = [script, String(keys.length), ...keys, ...args]
    const connecting = this.#awaitConnection()
    if (connecting !== undefined) return connecting.then(() => this.#run(command, keys, all))
    return this.#run(command, keys, all)
  }

  #run(command: ScriptCall['command'], keys: readonly string[], all: readonly string[]): Promise<unknown> {
    if (!this.cluster) return this.#call(command, all)
    return new Promise((resolve, reject) => {
      const node = this.#nodeOf(keys[0] as string)
      const call: ScriptCall = { command, args: all, resolve, reject }
      const calls = this.#pending.get(node)
      if (calls !== undefined) {
        calls.push(call)
        return
      }
      this.#pending.set(node, [call])
      process.nextTick(() => this.#flush(node))
    })
  }

  reconnect(): void {
    if (!this.cluster && this.#client.status === 'ready') this.#client.disconnect(true)
  }

  async close(): Promise<void> {
    if (this.#isOwned) this.#client.disconnect()
  }

  #call(command: ScriptCall['command'], args: readonly string[]): Promise<unknown> {
    return this.#commands[command].apply(this.#client, [...args])
  }

  /**
   * Returns a promise for the end of a connection attempt if the client has no offline queue,
   * otherwise undefined.
   */
  #awaitConnection(): Promise<void> | undefined {
    const { status } = this.#client
    if (this.#connecting === undefined || !['wait', 'connecting', 'connect'].includes(status))
      return undefined
    const ended = this.#connecting.ended()
    // The waiting call reports the cause of a failure.
    if (status === 'wait') this.#client.connect().catch(() => {})
    return ended
  }

  /** Returns a string that identifies the node of a key, or '' until the cluster is connected. */
  #nodeOf(key: string): string {
    const slot = slotOf(this.keyPrefix + key)
    return this.#client.slots?.[slot]?.join() ?? ''
  }

  #flush(node: string): void {
    const calls = this.#pending.get(node) ?? []
    this.#pending.delete(node)
    // Until the nodes are known, calls for different nodes cannot share a pipeline.
    const isSeparate = calls.length === 1 || node === ''
    if (isSeparate) for (const call of calls) this.#send(call)
    else this.#sendPipeline(calls)
  }

  #send({ command, args, resolve, reject }: ScriptCall): void {
    this.#call(command, args).then(resolve, reject)
  }

  #sendPipeline(calls: readonly ScriptCall[]): void {
    const pipeline = this.#client.pipeline()
    for (const { command, args } of calls) pipeline.callBuffer(command, ...args)
    pipeline.exec().then(
      (results) => {
        calls.forEach((call, index) => {
          const [error, reply] = results?.[index] ?? [new Error('the pipeline returned no reply'), undefined]
          if (error === null) call.resolve(reply)
          // A pipeline does not follow redirections of single commands, but the client does.
          else if (isRedirection(error)) this.#send(call)
          else call.reject(error)
        })
      },
      (error: unknown) => {
        for (const call of calls) call.reject(error)
      },
    )
  }
}

function isRedirection(error: Error): boolean {
  return /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /.test(error.message)
}

function hasOfflineQueue(options: { readonly enableOfflineQueue?: unknown }): boolean {
  return options.enableOfflineQueue !== false
}

function keyPrefixOf(options: { readonly keyPrefix?: unknown; readonly redisOptions?: object }): string {
  if (typeof options.keyPrefix === 'string') return options.keyPrefix
  return options.redisOptions === undefined ? '' : keyPrefixOf(options.redisOptions)
}
