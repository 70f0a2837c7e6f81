import { memcachedStore } from '../../src/stores/memcached/index.js';
import { redisStore } from '../../src/stores/redis/index.js';
import { startMemcached } from '../stores/servers/memcached.js';
import { startRedis, startRedisCluster } from '../stores/servers/redis.js';
/** The stores that several processes can share, each with a way to run it. */
export const BACKENDS = ['Redis', 'Redis Cluster', 'Memcached'];
export async function startBackend(name) {
    if (name === 'Memcached') {
        const memcached = await startMemcached();
        return { name, url: memcached.url, nodes: [], memcached, stop: memcached.stop };
    }
    if (name === 'Redis Cluster')
        return { name, memcached: undefined, ...(await startRedisCluster()) };
    const server = await startRedis();
    const url = `redis://127.0.0.1:${server.port}`;
    return { name, url, nodes: [server], memcached: undefined, stop: server.stop };
}
/** A store of this process on them. */
export function storeOn({ url }, prefix) {
    return url.startsWith('memcached:') ? memcachedStore({ url, prefix }) : redisStore({ url, prefix });
}
