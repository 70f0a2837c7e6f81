import { BasicClientSideCache, createClient, createClientPool, createCluster } from 'redis'
import { createClient as createClient4, createCluster as createCluster4 } from 'redis4'
import {
  createClient as createClient5,
  createClientPool as createClientPool5,
  createCluster as createCluster5,
} from 'redis5'
import { type ClientCase, type OpenedClient, opened, urlOf } from './opened-client.js'

/** Versions 4 to 6 of node-redis with each option that could interfere with the store. */

interface Closable {
  connect(): Promise<unknown>
  close(): unknown
}

function nodeRedis(client: object): OpenedClient {
  const { connect, close } = client as Closable
  return opened(
    client,
    () => close.call(client),
    () => connect.call(client),
  )
}

function nodeRedis4(client: { connect(): Promise<unknown>; disconnect(): Promise<void> }): OpenedClient {
  return opened(
    client,
    () => client.disconnect(),
    () => client.connect(),
  )
}

export const BINARY = { 36: Buffer } as const

type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>

const OPTIONS: readonly (readonly [string, () => ClientOptions])[] = [
  ['no options', () => ({})],
  ['RESP 2', () => ({ RESP: 2 })],
  ['RESP 3', () => ({ RESP: 3 })],
  ['commandOptions that map types', () => ({ commandOptions: { typeMapping: BINARY, asap: true } })],
  [
    'commandOptions that map arrays',
    () => ({ RESP: 3, commandOptions: { typeMapping: { 42: Set, 58: String } } }),
  ],
  ['disableOfflineQueue', () => ({ disableOfflineQueue: true })],
  [
    'a client-side cache',
    () => ({ RESP: 3, clientSideCache: new BasicClientSideCache({ ttl: 0, maxEntries: 0 }) }),
  ],
  ['another database', () => ({ database: 3 })],
  ['a bounded queue', () => ({ commandsQueueMaxLength: 1000 })],
  ['pings', () => ({ pingInterval: 20 })],
]

export const NODE_REDIS: readonly ClientCase[] = [
  ...OPTIONS.map(
    ([name, options]): ClientCase => [
      `node-redis with ${name}`,
      (ports) => nodeRedis(createClient({ ...options(), url: urlOf(ports) })),
    ],
  ),
  ...OPTIONS.filter(([name]) => !name.includes('cache')).map(
    ([name, options]): ClientCase => [
      `node-redis 5 with ${name}`,
      (ports) => nodeRedis(createClient5({ ...(options() as object), url: urlOf(ports) })),
    ],
  ),
  ...[{}, { legacyMode: true }, { disableOfflineQueue: true }, { legacyMode: true, database: 1 }].map(
    (options): ClientCase => [
      `node-redis 4 with ${Object.keys(options).join(' and ') || 'no options'}`,
      (ports) => nodeRedis4(createClient4({ url: urlOf(ports), ...options })),
    ],
  ),
  [
    'node-redis with a keyPrefix',
    (ports) => nodeRedis(createClient({ url: urlOf(ports), keyPrefix: 'app:' })),
  ],
  [
    'a node-redis pool',
    (ports) =>
      nodeRedis(createClientPool({ url: urlOf(ports), commandOptions: { typeMapping: {} } }, { minimum: 2 })),
  ],
  [
    'a node-redis 5 pool',
    (ports) => nodeRedis(createClientPool5({ url: urlOf(ports), RESP: 3 }, { minimum: 1, maximum: 2 })),
  ],
]

const nodesAt = (ports: readonly number[]) => ports.map((port) => ({ url: urlOf([port]) }))

export const NODE_REDIS_CLUSTER: readonly ClientCase[] = [
  ...[
    {},
    { useReplicas: true },
    { minimizeConnections: true, RESP: 2 as const },
    { keyPrefix: 'app:' },
    { keyPrefix: '{app}:' },
    { defaults: { disableOfflineQueue: true } },
    { commandOptions: { typeMapping: BINARY } },
  ].map(
    (options): ClientCase => [
      `node-redis with ${JSON.stringify(options)}`,
      (ports) => nodeRedis(createCluster({ rootNodes: nodesAt(ports), ...(options as object) })),
    ],
  ),
  ['node-redis 5', (ports) => nodeRedis(createCluster5({ rootNodes: nodesAt(ports), RESP: 3 }))],
  ['node-redis 4', (ports) => nodeRedis4(createCluster4({ rootNodes: nodesAt(ports) }))],
]
