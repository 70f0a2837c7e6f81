/** Parts shared with the gateway. They change without notice; only the same version uses them. */

export { BoundedCache } from './bounded-cache.js'
export { nearest, suggest, suggestOrList } from './did-you-mean.js'
export { type DecidingStore, isDeciding } from './stores/synchronous-store.js'
