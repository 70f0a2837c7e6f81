import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { type ClientCase, type OpenedClient, opened } from './opened-client.js'

/** ioredis 5 and 6 with each option that could interfere with the store. */

export function ioRedis(client: Redis | Cluster | Redis5 | Cluster5): OpenedClient {
  return opened(client, () => client.disconnect())
}

const OPTIONS: readonly (readonly [string, RedisOptions])[] = [
  ['no options', {}],
  ['enableAutoPipelining', { enableAutoPipelining: true }],
  [
    'enableAutoPipelining, without the script commands',
    { enableAutoPipelining: true, autoPipeliningIgnoredCommands: ['evalsha', 'eval'] },
  ],
  ['enableOfflineQueue: false', { enableOfflineQueue: false }],
  ['lazyConnect', { lazyConnect: true }],
  ['lazyConnect without an offline queue', { lazyConnect: true, enableOfflineQueue: false }],
  ['a keyPrefix', { keyPrefix: 'app:' }],
  ['a keyPrefix in braces', { keyPrefix: '{app}:', enableAutoPipelining: true }],
  ['stringNumbers', { stringNumbers: true }],
  ['showFriendlyErrorStack', { showFriendlyErrorStack: true }],
  ['maxRetriesPerRequest: null', { maxRetriesPerRequest: null }],
  ['maxRetriesPerRequest: 0', { maxRetriesPerRequest: 0 }],
  ['enableReadyCheck: false', { enableReadyCheck: false }],
  ['another database', { db: 3 }],
  ['a command timeout', { commandTimeout: 20_000 }],
  ['autoResendUnfulfilledCommands: false', { autoResendUnfulfilledCommands: false }],
  [
    'many options combined',
    {
      enableAutoPipelining: true,
      enableOfflineQueue: false,
      lazyConnect: true,
      keyPrefix: 'all:',
      stringNumbers: true,
      showFriendlyErrorStack: true,
      maxRetriesPerRequest: 0,
      db: 2,
    },
  ],
]

const OPTIONS_OF_6: typeof OPTIONS = [
  ['RESP 2', { protocol: 2 }],
  ['replies mapped as in RESP 3', { replyMapping: 'resp3' }],
]

const CLUSTER_OPTIONS: readonly (readonly [string, ClusterOptions])[] = [
  ['no options', {}],
  ['enableAutoPipelining', { enableAutoPipelining: true }],
  ['enableOfflineQueue: false', { enableOfflineQueue: false }],
  [
    'lazyConnect without an offline queue',
    { lazyConnect: true, enableOfflineQueue: false, enableAutoPipelining: true },
  ],
  ['scaleReads: all', { scaleReads: 'all', enableAutoPipelining: true }],
  ['scaleReads: slave', { scaleReads: 'slave' }],
  ['a keyPrefix', { keyPrefix: 'app:', enableAutoPipelining: true }],
  ['a keyPrefix in braces', { keyPrefix: '{app}:' }],
  [
    'node options',
    { redisOptions: { keyPrefix: 'app:', stringNumbers: true, showFriendlyErrorStack: true } },
  ],
]

export const IOREDIS: readonly ClientCase[] = [
  ...[...OPTIONS, ...OPTIONS_OF_6].map(
    ([name, options]): ClientCase => [
      `ioredis with ${name}`,
      ([port = 0]) => ioRedis(new Redis({ port, ...(options as object) })),
    ],
  ),
  ...OPTIONS.map(
    ([name, options]): ClientCase => [
      `ioredis 5 with ${name}`,
      ([port = 0]) => ioRedis(new Redis5({ port, ...(options as object) })),
    ],
  ),
]

export const IOREDIS_CLUSTER: readonly ClientCase[] = CLUSTER_OPTIONS.flatMap(
  ([name, options]): ClientCase[] => [
    [`ioredis with ${name}`, (ports) => ioRedis(new Cluster([...ports], options as object))],
    [`ioredis 5 with ${name}`, (ports) => ioRedis(new Cluster5([...ports], options as object))],
  ],
)
