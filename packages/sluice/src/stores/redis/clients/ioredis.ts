import type { Connection } from '../redis-connection.js'
import { slotOf } from '../slot.js'
import { type ClientEvents, Connecting } from './connecting.js'

/** What is used of ioredis: of its `Redis` (standalone or with Sentinels) and of its `Cluster`. */
export interface IoRedisClient extends ClientEvents {
  /** A command that is sent by itself, whatever `enableAutoPipelining` says; strings in the reply to `buffer` come as bytes. */
  createBuiltinCommand(command: string): { readonly buffer: SendCommand }
  pipeline(): IoRedisPipeline
  connect(): Promise<void>
  disconnect(reconnect?: boolean): void
  readonly status: string
  readonly isCluster: boolean
  readonly options: object
  /** The nodes of each slot; of a cluster only. */
  readonly slots?: readonly (readonly string[])[]
}

type SendCommand = (this: unknown, ...args: string[]) => Promise<unknown>

interface IoRedisPipeline {
  callBuffer(command: string, ...args: string[]): unknown
  exec(): Promise<[error: Error | null, result: unknown][] | null>
}

/** A call that waits for the end of the tick. */
interface Call {
  readonly command: 'evalsha' | 'eval'
  readonly args: readonly string[]
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * Over ioredis, which writes each command to its socket by itself. In a cluster, where one tick may have a call for many a
 * slot, those of one tick go into one pipeline a node; elsewhere they are few, and answered one by one while the server
 * goes on with the next.
 */
export class IoRedisConnection implements Connection {
  readonly cluster: boolean
  readonly keyPrefix: string
  readonly #client: IoRedisClient
  /**
   * The commands, past the client's automatic pipelines: these send the script's name as the command of a `callBuffer`, and
   * in a cluster look for the node by it. The store collects the calls of a turn itself.
   */
  readonly #commands: Readonly<Record<Call['command'], SendCommand>>
  /** Undefined where the client itself queues what it is asked before it is connected. */
  readonly #connecting: Connecting | undefined
  readonly #owned: boolean
  readonly #waiting = new Map<string, Call[]>()

  constructor(client: IoRedisClient, owned: boolean) {
    this.#client = client
    this.#owned = owned
    this.cluster = client.isCluster
    this.keyPrefix = keyPrefixOf(client.options)
    this.#commands = {
      evalsha: client.createBuiltinCommand('evalsha').buffer,
      eval: client.createBuiltinCommand('eval').buffer,
    }
    if (!hasOfflineQueue(client.options)) this.#connecting = new Connecting(client, ['ready', 'close', 'end'])
  }

  run(
    command: Call['command'],
    script: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    const all = [script, String(keys.length), ...keys, ...args]
    const connecting = this.#untilConnected()
    if (connecting !== undefined) return connecting.then(() => this.#run(command, keys, all))
    return this.#run(command, keys, all)
  }

  #run(command: Call['command'], keys: readonly string[], all: readonly string[]): Promise<unknown> {
    if (!this.cluster) return this.#call(command, all)
    return new Promise((resolve, reject) => {
      const node = this.#nodeOf(keys[0] as string)
      const call: Call = { command, args: all, resolve, reject }
      const calls = this.#waiting.get(node)
      if (calls !== undefined) {
        calls.push(call)
        return
      }
      this.#waiting.set(node, [call])
      process.nextTick(() => this.#flush(node))
    })
  }

  reconnect(): void {
    if (!this.cluster && this.#client.status === 'ready') this.#client.disconnect(true)
  }

  async close(): Promise<void> {
    if (this.#owned) this.#client.disconnect()
  }

  #call(command: Call['command'], args: readonly string[]): Promise<unknown> {
    return this.#commands[command].apply(this.#client, [...args])
  }

  /** Settles once a client without a queue has connected or failed to; undefined where nothing has to be waited for. */
  #untilConnected(): Promise<void> | undefined {
    const { status } = this.#client
    if (this.#connecting === undefined || !['wait', 'connecting', 'connect'].includes(status))
      return undefined
    const ended = this.#connecting.ended()
    // Why it cannot connect, the call that waits for it will say.
    if (status === 'wait') this.#client.connect().catch(() => {})
    return ended
  }

  /** Calls with the same name may share a pipeline; '' while the cluster is not connected yet. */
  #nodeOf(key: string): string {
    const slot = slotOf(this.keyPrefix + key)
    return this.#client.slots?.[slot]?.join() ?? ''
  }

  #flush(node: string): void {
    const calls = this.#waiting.get(node) ?? []
    this.#waiting.delete(node)
    // A cluster whose nodes are not known yet takes no pipeline for several of them.
    const apart = calls.length === 1 || node === ''
    if (apart) for (const call of calls) this.#send(call)
    else this.#sendTogether(calls)
  }

  #send({ command, args, resolve, reject }: Call): void {
    this.#call(command, args).then(resolve, reject)
  }

  #sendTogether(calls: readonly Call[]): void {
    const pipeline = this.#client.pipeline()
    for (const { command, args } of calls) pipeline.callBuffer(command, ...args)
    pipeline.exec().then(
      (results) => {
        calls.forEach((call, index) => {
          const [error, reply] = results?.[index] ?? [new Error('the pipeline gave no answer'), undefined]
          if (error === null) call.resolve(reply)
          // A pipeline follows no redirection of a single command; the cluster client by itself does.
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
