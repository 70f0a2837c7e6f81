export { type Clock, type ManualClock, manualClock, systemClock } from './clock.js'
export type { Decision, Forecast, Quota, Refusal } from './decision.js'
export type { LimiterEvent, LimiterListener } from './events/limiter-event.js'
export {
  type AdmitOptions,
  createLimiter,
  type Limiter,
  type LimiterOptions,
  type LimiterRule,
  type NeedsBody,
  type RequestBody,
} from './limiter.js'
export { parseDuration } from './limits/duration.js'
export { formatDuration, formatLimit, formatWait } from './limits/format.js'
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
export { capacityOf } from './limits/limit.js'
export type { Taken, Verdict } from './limits/verdict.js'
export { isOptionError, type OptionError, type OptionErrorCode, type OptionPath } from './option-error.js'
export type { Permit } from './permit.js'
export { type Client, UnauthorizedError } from './policy/client.js'
export { batchSize, bodyBytes, modelWeight, pixels, type RequestWithBody } from './policy/costs/costs.js'
export { type JsonPointer, jsonPointer } from './policy/costs/json-pointer.js'
export { keyParts } from './policy/key.js'
export type { KeyPart, KeySources, KeySpec, NamedKey } from './policy/key-spec.js'
export type { RuleOverride } from './policy/override.js'
export { MalformedRequestError, RequestError } from './policy/request-error.js'
export { ForbiddenError, type Refusing } from './policy/requirement.js'
export type { ConcurrencyRule, LimitSpec, RateRule, Resource, Rule } from './policy/rule.js'
export { scaleLimit } from './policy/scale.js'
export type { Tiers } from './policy/tiers.js'
export { createWarmUp, type WarmUp, type WarmUpChange, type WarmUpOptions } from './policy/warm-up.js'
export {
  type FailurePolicyStore,
  type FailureStats,
  withFailurePolicy,
} from './stores/failure/failure-policy.js'
export type {
  FailurePolicyName,
  FailurePolicyOptions,
  StoreRequestFailure,
  StoreStateChange,
} from './stores/failure/options.js'
export { StoreUnavailableError } from './stores/failure/store-unavailable.js'
export type { Timers } from './stores/failure/timers.js'
export { type MemoryStore, type MemoryStoreOptions, memoryStore } from './stores/memory/memory-store.js'
export { type DecidingStore, isDeciding, type Outcome } from './stores/outcome.js'
export type { Charge, Degraded, MaybePromise, Settlement, Store, StoreVerdict } from './stores/store.js'
export { StoreRequestError } from './stores/store-request-error.js'
