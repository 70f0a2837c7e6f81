import type { RedisStoreOptions } from '../../../../src/stores/redis/index.js'

type Client = NonNullable<RedisStoreOptions['client']>

/** A client as an application creates it. */
export interface OpenedClient {
  readonly client: Client
  /** Connects a node-redis client. ioredis connects by itself. */
  readonly connect?: () => Promise<unknown>
  readonly close: () => unknown
}

/** Creates a client for the servers on these ports. */
export type OpenClient = (ports: readonly number[]) => OpenedClient

/** A named way to create a client. */
export type ClientCase = readonly [name: string, open: OpenClient]

export function opened(client: object, close: () => unknown, connect?: () => Promise<unknown>): OpenedClient {
  const { on } = client as { on(event: 'error', listener: () => void): unknown }
  on.call(client, 'error', () => {})
  return { client: client as Client, close, ...(connect && { connect }) }
}

export function urlOf([port = 0]: readonly number[]): string {
  return `redis://127.0.0.1:${port}`
}
