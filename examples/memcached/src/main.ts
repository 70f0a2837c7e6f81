import { withFailurePolicy } from 'sluice'
import { memcachedStore } from 'sluice/memcached'
import { runFleet } from 'sluice-example-fleet'

/** The processes share one Memcached; where it does not answer, each gives out its part. */
await runFleet(() =>
  withFailurePolicy(memcachedStore(process.env.MEMCACHED_URL ?? 'memcached://127.0.0.1:11211'), {
    policy: 'local',
    peers: Number(process.env.PROCESSES ?? 3),
  }),
)
