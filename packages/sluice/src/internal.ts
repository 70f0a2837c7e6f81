/** Internal exports for the gateway of the same version. They may change without notice. */

export { BoundedCache } from './bounded-cache.js'
export { nearest, suggest, suggestOrList } from './did-you-mean.js'
export { type Network, parseNetwork } from './http/address-list.js'
export { ERROR_SHAPES } from './http/error-shape.js'
export { claimOf } from './identity/claims.js'
export { formatUnits, isCurrency, MAX_MONEY, MONEY, UNITS_PER_CURRENCY, unitsOf } from './limits/money.js'
export {
  HandOverWindow,
  type SentRequest,
  type ServerLoad,
  type WindowState,
} from './overload/hand-over-window.js'
export { isAutomatic } from './rules/automatic.js'
export { clientKey, isPool } from './rules/key-spec.js'
export { checkLabels, labelNameProblem } from './rules/labels.js'
export { formatThreshold } from './rules/warn-options.js'
export type { Work } from './rules/work.js'
export { isPreparing, type PreparingStore } from './stores/preparing-store.js'
export { RedisUrlConnection } from './stores/redis/clients/redis-url-connection.js'
export type { RedisConnection } from './stores/redis/redis-connection.js'
export { parseRedisUrl } from './stores/redis/redis-url.js'
export { withinDeadline } from './stores/resilience/deadline.js'
export { offsetAt } from './time/calendar.js'
export { systemTimers } from './time/timers.js'
export { onAborted } from './waiting/abort-listeners.js'
export { FairShare } from './waiting/fair-share.js'
export type { FleetReport } from './waiting/lasting-orders.js'
export {
  type Ahead,
  type Attempt,
  admitsInLine,
  type Candidate as LineCandidate,
  hasLines,
  type Lines,
  type Outcome,
  type Pool,
  type Unserved,
  type WaitingRequest,
  withLines,
} from './waiting/lines.js'
export { type LineState, LocalLines } from './waiting/local-lines.js'
export type { Waiting } from './waiting/order.js'
export type { WatchLoad } from './waiting/pool-windows.js'
export type { Dispatch, ServedWork, Service } from './waiting/service.js'
export type { Share, TenantCharge } from './waiting/share.js'
export { linesOf, setLines } from './waiting/store-lines.js'
