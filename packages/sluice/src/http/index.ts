/** Shared parts of the adapters, for authors of other adapters and for the gateway. */

export { type AddressList, addressList } from './address-list.js'
export { decisionOf, type RequestDecision, settle } from './admitted-requests.js'
export {
  type ClientAddressOptions,
  type ClientAddressReader,
  clientAddressReader,
  type ForwardedHeader,
  type RequestOrigin,
} from './client-address.js'
export type { OwnAnswer } from './custom-response.js'
export type { ErrorShape, ErrorShapeOptions } from './error-shape.js'
export { type ForwardedElement, forwardedElements } from './forwarded-header.js'
export {
  createHttpLimiter,
  type HttpDecision,
  type HttpLimiter,
  type HttpLimitOptions,
  type RequestAccess,
} from './http-limiter.js'
export { canonicalText, type IpAddress, parseIpAddress } from './ip-address.js'
export { type FieldOptions, limitFields } from './limit-headers.js'
export type { LimitMethods } from './limit-methods.js'
export { joinedField, releaseWhenClosed, reportStatus } from './node-response.js'
export {
  type HttpAnswer,
  type Presentation,
  type ProblemDetails,
  problem,
  type RewrittenProblem,
  refusalProblem,
  requestProblem,
  unavailableProblem,
} from './problem.js'
export { rateLimit, rateLimitPolicy } from './ratelimit-headers.js'
export { type ErrorHeaders, RefusalError } from './refusal-error.js'
export type { AddressAccess, FrameworkProxies } from './request-addresses.js'
export { retryAfterSeconds } from './retry-after.js'
export type { SkipOptions, StatusFilter } from './skipped-responses.js'
