import type { RedisStoreOptions } from '../../../../src/stores/redis/index.js'

type Client = NonNullable<RedisStoreOptions['client']>

/** A client of an app, and what belongs to it. */
export interface OpenedClient {
  readonly client: Client
  /** A client of node-redis is connected by its owner. */
  readonly connect?: () => Promise<unknown>
  readonly close: () => unknown
}

/** Makes a client for the servers on these ports. */
export type OpenClient = (ports: readonly number[]) => OpenedClient

/** What a client is made with, and how. */
export type ClientCase = readonly [name: string, open: OpenClient]

export function opened(client: object, close: () => unknown, connect?: () => Promise<unknown>): OpenedClient {
  const { on } = client as { on(event: 'error', listener: () => void): unknown }
  on.call(client, 'error', () => {})
  return { client: client as Client, close, ...(connect && { connect }) }
}

export function urlOf([port = 0]: readonly number[]): string {
  return `redis://127.0.0.1:${port}`
}
