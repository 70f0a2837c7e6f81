import { redisStore } from 'sluice/redis'
import { runFleet } from 'sluice-example-fleet'
import { redisApp } from './app.js'

// The processes share one Redis server.
await runFleet(() => redisStore(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'), redisApp)
