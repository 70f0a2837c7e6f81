/** What every adapter shares: for those who write one, and for the gateway. */
export { type ClientAddressOptions, type ClientAddressReader, clientAddressReader } from './client-address.js'
export {
  createHttpLimiter,
  type HttpDecision,
  type HttpLimiter,
  type HttpLimitOptions,
  type RequestAccess,
} from './http-limiter.js'
export { canonicalText, type IpAddress, parseIpAddress } from './ip-address.js'
export { type FieldOptions, limitFields } from './limit-fields.js'
export { joinedField, releaseWhenClosed } from './node-response.js'
export type { OwnAnswer } from './own-answer.js'
export { settle } from './permits.js'
export {
  type HttpAnswer,
  problem,
  refusalProblem,
  requestProblem,
  retryAfterSeconds,
  unavailableProblem,
} from './problem.js'
export { rateLimit, rateLimitPolicy } from './ratelimit-fields.js'
