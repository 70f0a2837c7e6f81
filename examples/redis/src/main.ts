import { withFailurePolicy } from 'sluice'
import { redisStore } from 'sluice/redis'
import { runFleet } from 'sluice-example-fleet'

/** The processes share one Redis; where it does not answer, each gives out its part. */
await runFleet(() =>
  withFailurePolicy(redisStore(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'), {
    policy: 'local',
    peers: Number(process.env.PROCESSES ?? 3),
  }),
)
