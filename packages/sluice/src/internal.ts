/** Internal exports for the gateway of the same version. They may change without notice. */

export { BoundedCache } from './bounded-cache.js'
export { nearest, suggest, suggestOrList } from './did-you-mean.js'
export { type Network, parseNetwork } from './http/address-list.js'
export { formatThreshold } from './rules/warn-options.js'
export { isPreparing, type PreparingStore } from './stores/preparing-store.js'
export { RedisUrlConnection } from './stores/redis/clients/redis-url-connection.js'
export type { RedisConnection } from './stores/redis/redis-connection.js'
export { parseRedisUrl } from './stores/redis/redis-url.js'
export { withinDeadline } from './stores/resilience/deadline.js'
export { offsetAt } from './time/calendar.js'
export { systemTimers } from './time/timers.js'
