import type { Redis } from 'ioredis'
import type { Connection } from '../redis-connection.js'
import type { RedisAddress } from '../redis-url.js'
import { type IoRedisClient, IoRedisConnection } from './ioredis.js'

/**
 * How long a server may be silent that was asked, in milliseconds, before its connection is given up. A server that is only busy
 * is not: whoever is asked by thousands at once takes a while until everybody's turn has come.
 */
const PATIENCE = 2500

/**
 * How long a server may take to greet a new connection, and how long the next attempt is put off at most, in milliseconds. With
 * the longest wait for a probe (half a second) they come to less than two seconds: so soon a server decides again that was out
 * of reach, whatever became of the connections of before.
 */
const GREETING = 700
const MAX_PAUSE = 200

/**
 * Settings of a connection of the store's own. A command whose connection broke fails at once and is not sent again, for it may
 * have been done. (`autoResendUnfulfilledCommands: false` would not send it again either, but never answer it.)
 */
const SETTINGS = {
  maxRetriesPerRequest: 0,
  connectTimeout: GREETING,
  socketTimeout: PATIENCE,
  // A process that ends would wait so long for a server that is gone.
  disconnectTimeout: 200,
  retryStrategy: pauseBefore,
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY '),
}

/** A connection that is opened by its first use, with ioredis. */
export class UrlConnection implements Connection {
  readonly cluster: boolean
  readonly keyPrefix = ''
  #opened: Connection | undefined
  #opening: Promise<Connection> | undefined
  #closed = false
  /** What the connection failed with last. */
  #trouble: Error | undefined

  constructor(private readonly address: RedisAddress) {
    this.cluster = address.kind === 'cluster'
  }

  run(...call: Parameters<Connection['run']>): Promise<unknown> {
    const answer = this.#opened?.run(...call) ?? this.#open().then((opened) => opened.run(...call))
    return answer.catch((error) => {
      throw this.#explained(error)
    })
  }

  reconnect(): void {
    this.#opened?.reconnect?.()
  }

  async close(): Promise<void> {
    this.#closed = true
    const opened = await this.#opening?.catch(() => undefined)
    await opened?.close()
  }

  #open(): Promise<Connection> {
    if (this.#closed) return Promise.reject(new Error('the Redis store is closed'))
    this.#opening ??= connect(this.address, (error) => {
      this.#trouble = error
    }).then((client) => {
      this.#opened = new IoRedisConnection(client, true)
      return this.#opened
    })
    return this.#opening
  }

  /** That there is no connection says ioredis with each call; why there is none, it tells elsewhere. */
  #explained(error: unknown): unknown {
    const isUnconnected = error instanceof Error && error.name === 'MaxRetriesPerRequestError'
    if (!isUnconnected || this.#trouble === undefined) return error
    return new Error(`there is no connection: ${this.#trouble.message}`, { cause: error })
  }
}

async function connect(
  { kind, tls, username, password, nodes, name, db }: RedisAddress,
  onTrouble: (error: Error) => void,
): Promise<IoRedisClient> {
  const { Cluster, Redis } = await loadIoRedis()
  const account = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
  }
  const client = createClient()
  // Unheard they would be printed. Calls that met them fail by themselves.
  client.on('error', onTrouble)
  return client

  function createClient() {
    if (kind === 'cluster') {
      return new Cluster([...nodes], {
        redisOptions: { ...SETTINGS, ...account },
        clusterRetryStrategy: pauseBefore,
        slotsRefreshTimeout: GREETING,
        // Else a command whose connection broke would be sent once more.
        retryDelayOnFailover: 0,
      })
    }
    if (kind === 'sentinel') {
      const sentinels = {
        sentinels: [...nodes],
        name,
        sentinelRetryStrategy: pauseBefore,
        enableTLSForSentinelMode: tls,
      }
      return impatient(new Redis({ ...SETTINGS, ...account, ...sentinels, db }))
    }
    const [node] = nodes
    return impatient(new Redis({ ...SETTINGS, ...account, ...node, db }))
  }
}

/** Gives up connections that are taken, and on which nobody says anything then. */
function impatient(client: Redis): Redis {
  let timer: NodeJS.Timeout | undefined
  client.on('connect', () => {
    timer = setTimeout(() => client.disconnect(true), GREETING)
  })
  for (const event of ['ready', 'close']) client.on(event, () => clearTimeout(timer))
  return client
}

async function loadIoRedis() {
  try {
    return await import('ioredis')
  } catch (cause) {
    throw new Error("a Redis store from a URL needs the package 'ioredis'; run: npm install ioredis", {
      cause,
    })
  }
}

/** Milliseconds to wait before the n-th attempt. */
function pauseBefore(attempt: number): number {
  return Math.min(25 * attempt, MAX_PAUSE)
}
