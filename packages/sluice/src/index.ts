export { type Clock, type ManualClock, manualClock, systemClock } from './clock.js'
export { parseDuration } from './limits/duration.js'
export { type Counting, LimitSyntaxError, parseLimits } from './limits/grammar.js'
export type {
  AlgorithmName,
  ConcurrencyLimit,
  FixedWindowLimit,
  Limit,
  SlidingLogLimit,
  SlidingWindowLimit,
  TokenBucketLimit,
} from './limits/limit.js'
export type { Taken, Verdict } from './limits/verdict.js'
export { type MemoryStore, type MemoryStoreOptions, memoryStore } from './stores/memory/memory-store.js'
export type { Charge, MaybePromise, Settlement, Store, StoreVerdict } from './stores/store.js'
