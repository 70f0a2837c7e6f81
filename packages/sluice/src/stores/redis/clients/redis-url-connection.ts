import type { Redis } from 'ioredis'
import type { RedisConnection } from '../redis-connection.js'
import type { RedisAddress } from '../redis-url.js'
import { type IoRedisClient, IoRedisConnection } from './ioredis.js'

/**
 * Time without a response after which a connection is closed, in milliseconds. The timeout is
 * generous, because a server that thousands of clients query at once responds slowly.
 */
const RESPONSE_TIMEOUT_MS = 2500

/**
 * Time for a new connection to become ready, and maximum delay before the next attempt, in
 * milliseconds. Together with the maximum delay of a probe (500 ms), they add up to less than two
 * seconds. So a server that was unreachable decides again within two seconds, whatever the state of
 * the old connections.
 */
const CONNECT_TIMEOUT_MS = 700
const MAX_RECONNECT_DELAY_MS = 200

/**
 * Options of a connection that the store opens. If a connection breaks, its pending commands fail
 * immediately and are not sent again, because they may have taken effect. (With
 * `autoResendUnfulfilledCommands: false`, they would not be sent again either, but would never
 * settle.)
 */
const CONNECTION_OPTIONS = {
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: RESPONSE_TIMEOUT_MS,
  // Bounds the wait for an unreachable server when the process exits.
  disconnectTimeout: 200,
  retryStrategy: reconnectDelay,
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY '),
}

/** A connection through ioredis that is opened on first use. */
export class RedisUrlConnection implements RedisConnection {
  readonly cluster: boolean
  readonly keyPrefix = ''
  #opened: RedisConnection | undefined
  #opening: Promise<RedisConnection> | undefined
  #closed = false
  /** The last error of the connection. */
  #lastError: Error | undefined

  constructor(private readonly address: RedisAddress) {
    this.cluster = address.kind === 'cluster'
  }

  run(...call: Parameters<RedisConnection['run']>): Promise<unknown> {
    const reply = this.#opened?.run(...call) ?? this.#open().then((opened) => opened.run(...call))
    return reply.catch((error) => {
      throw this.#withCause(error)
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

  #open(): Promise<RedisConnection> {
    if (this.#closed) return Promise.reject(new Error('the Redis store is closed'))
    this.#opening ??= connect(this.address, (error) => {
      this.#lastError = error
    }).then((client) => {
      this.#opened = new IoRedisConnection(client, true)
      return this.#opened
    })
    return this.#opening
  }

  /**
   * Adds the cause, which ioredis reports separately, to the error of a call without a connection.
   */
  #withCause(error: unknown): unknown {
    const isUnconnected = error instanceof Error && error.name === 'MaxRetriesPerRequestError'
    if (!isUnconnected || this.#lastError === undefined) return error
    return new Error(`not connected: ${this.#lastError.message}`, { cause: error })
  }
}

async function connect(
  { kind, tls, username, password, nodes, name, db }: RedisAddress,
  onError: (error: Error) => void,
): Promise<IoRedisClient> {
  const { Cluster, Redis } = await loadIoRedis()
  const account = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
  }
  const client = createClient()
  // Without a listener ioredis prints the errors. The affected calls reject on their own.
  client.on('error', onError)
  return client

  function createClient() {
    if (kind === 'cluster') {
      return new Cluster([...nodes], {
        redisOptions: { ...CONNECTION_OPTIONS, ...account },
        clusterRetryStrategy: reconnectDelay,
        slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
        // Otherwise, commands would be sent again after their connection breaks.
        retryDelayOnFailover: 0,
      })
    }
    if (kind === 'sentinel') {
      const sentinels = {
        sentinels: [...nodes],
        name,
        sentinelRetryStrategy: reconnectDelay,
        // A Sentinel that hangs would otherwise be asked for the primary forever.
        sentinelCommandTimeout: RESPONSE_TIMEOUT_MS,
        enableTLSForSentinelMode: tls,
      }
      return withReadyTimeout(new Redis({ ...CONNECTION_OPTIONS, ...account, ...sentinels, db }))
    }
    const [node] = nodes
    return withReadyTimeout(new Redis({ ...CONNECTION_OPTIONS, ...account, ...node, db }))
  }
}

/** Closes a connection that is accepted but does not become ready in time. */
function withReadyTimeout(client: Redis): Redis {
  let timer: NodeJS.Timeout | undefined
  client.on('connect', () => {
    timer = setTimeout(() => client.disconnect(true), CONNECT_TIMEOUT_MS)
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

/** Returns the delay before an attempt, in milliseconds. */
function reconnectDelay(attempt: number): number {
  return Math.min(25 * attempt, MAX_RECONNECT_DELAY_MS)
}
