export type { Penalty } from './algorithms/penalty.js'
export type { Taken, Verdict } from './algorithms/verdict.js'
export type { Decision, Forecast, Quota, Refusal } from './limiter/decision.js'
export type { LimiterEvent, LimiterListener, ThresholdReached } from './limiter/event.js'
export {
  type AdmitOptions,
  createLimiter,
  type Limiter,
  type LimiterOptions,
  type LimiterRule,
  type NeedsBody,
  type RequestBody,
  type UsageOptions,
} from './limiter/limiter.js'
export type { Permit } from './limiter/permit.js'
export type { RuleUsage, UnknownUsage, Usage } from './limiter/usage.js'
export type { QuotaWarning } from './limiter/warning.js'
export { formatDuration, formatLimit, formatWait } from './limits/format-limit.js'
export { type Counting, parseLimits } from './limits/grammar.js'
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
export { formatMoney } from './limits/money.js'
export { LimitSyntaxError } from './limits/scanner.js'
export { isOptionError, type OptionError, type OptionErrorCode, type OptionPath } from './option-error.js'
export { type Client, UnauthorizedError } from './rules/client.js'
export { type JsonPointer, jsonPointer } from './rules/costs/json-pointer.js'
export { type BilledUsage, type ModelPrice, priceOf } from './rules/costs/price.js'
export {
  batchSize,
  bodyBytes,
  modelWeight,
  pixels,
  type RequestWithBody,
} from './rules/costs/request-costs.js'
export { keyParts } from './rules/key.js'
export type { KeyPart, KeySources, KeySpec, NamedKey } from './rules/key-spec.js'
export type { Labels } from './rules/labels.js'
export type { ClientOverride, RuleOverride } from './rules/override.js'
export { MalformedRequestError, RequestError } from './rules/request-error.js'
export { ForbiddenError, type Refusing } from './rules/requirement.js'
export type {
  AutomaticOptions,
  ClassOptions,
  ConcurrencyRule,
  LimitSpec,
  PredictedWork,
  RateRule,
  Resource,
  Rule,
} from './rules/rule.js'
export { scaleLimit } from './rules/scale.js'
export type { Tiers } from './rules/tiers.js'
export { createWarmUp, type WarmUp, type WarmUpChange, type WarmUpOptions } from './rules/warm-up.js'
export { type MemoryStore, type MemoryStoreOptions, memoryStore } from './stores/memory/memory-store.js'
export type {
  FailurePolicyName,
  FailurePolicyOptions,
  StoreRequestFailure,
  StoreStateChange,
} from './stores/resilience/failure-options.js'
export {
  type FailurePolicyStore,
  type FailureStats,
  withFailurePolicy,
} from './stores/resilience/failure-policy.js'
export { StoreUnavailableError } from './stores/resilience/store-unavailable.js'
export type { Charge, Degraded, MaybePromise, Settlement, Store, StoreVerdict } from './stores/store.js'
export { StoreRequestError } from './stores/store-request-error.js'
export { type Clock, type ManualClock, manualClock, systemClock } from './time/clock.js'
export { parseDuration } from './time/duration.js'
export type { Timers } from './time/timers.js'
export type { ServedWork } from './waiting/service.js'
