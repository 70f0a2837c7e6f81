import { memcachedStore } from 'sluice/memcached'
import { runFleet } from 'sluice-example-fleet'

// The processes share one Memcached server.
await runFleet(() => memcachedStore(process.env.MEMCACHED_URL ?? 'memcached://127.0.0.1:11211'))
