import { setTimeout as pause } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { memcachedStore } from 'sluice/memcached'
import { redisStore } from 'sluice/redis'
import { options } from './worker-messages.js'

const { url, prefix, client: clientName } = options

/** URLs of the nodes of a cluster; undefined for other servers. */
const clusterNodes = url.startsWith('redis+cluster:')
  ? url
      .slice('redis+cluster://'.length)
      .split(',')
      .map((/** @type {string} */ node) => `redis://${node}`)
  : undefined

/** @param {number} attempt */
const reconnectDelay = (attempt) => Math.min(25 * attempt, 200)
const client = clientName === undefined ? undefined : await openClient()

/** The store that the processes share. */
export const store = openStore()

/** Closes a client that was passed to the store. */
export async function disconnect() {
  if (client !== undefined) await ('disconnect' in client ? client.disconnect() : client.destroy())
}

function openStore() {
  if (url.startsWith('memcached:')) return memcachedStore({ url, prefix })
  return client === undefined ? redisStore({ url, prefix }) : redisStore({ client, prefix })
}

/** @returns {Promise<any>} */
async function openClient() {
  const opened = clientName === 'ioredis' ? ioRedis() : nodeRedis()
  opened.on('error', () => {})
  if (clientName === 'node-redis') await opened.connect()
  return opened
}

/**
 * Creates an ioredis client with the options that docs/stores.md recommends.
 *
 * @returns {any}
 */
function ioRedis() {
  const redisOptions = { maxRetriesPerRequest: 0, socketTimeout: 2500 }
  return clusterNodes === undefined
    ? new Redis(url, { ...redisOptions, retryStrategy: reconnectDelay })
    : new Cluster(clusterNodes, { redisOptions, retryDelayOnFailover: 0 })
}

/** @returns {any} */
function nodeRedis() {
  return clusterNodes === undefined
    ? createClient({ url, socket: { reconnectStrategy: reconnectDelay } })
    : createCluster({ rootNodes: clusterNodes.map((/** @type {string} */ node) => ({ url: node })) })
}

// The process is ready once it is connected. On a busy machine, the first attempt may fail.
const limit = { algorithm: 'token-bucket', limit: 1, period: 1000, burst: 1 }
const end = performance.now() + 20_000
for (let connected = false; !connected; ) {
  try {
    await store.peek([{ scope: 'connection', key: 'check', limit, cost: 0 }])
    connected = true
  } catch (error) {
    if (performance.now() > end) throw error
    await pause(50)
  }
}
