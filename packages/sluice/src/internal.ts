/** Internal exports for the gateway of the same version. They may change without notice. */

export { BoundedCache } from './bounded-cache.js'
export { nearest, suggest, suggestOrList } from './did-you-mean.js'
export { isPreparing, type PreparingStore } from './stores/preparing-store.js'
export { offsetAt } from './time/calendar.js'
