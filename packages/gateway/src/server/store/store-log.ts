import type { FailurePolicyName, FailureStats, StoreRequestFailure, StoreStateChange } from 'sluice'
import type { Log } from '../logging/log.js'

/** Behavior while the store is unavailable, by failure policy. */
const POLICY_EFFECTS: Readonly<Record<FailurePolicyName, string>> = {
  local: 'this gateway decides by itself, with its share of each limit',
  open: 'requests are admitted without being counted',
  closed: 'limited requests are refused with 503',
}

/** Bounds the memory of logged errors. More distinct messages than this usually have one cause. */
const MAX_LOGGED_ERRORS = 100

export interface StateLogOptions {
  /** The address of the store, without a password. */
  readonly address: string
  readonly log: Log
  readonly stats: () => FailureStats
  /**
   * Returns the reason why the store is unreachable, if a better one is known than the error of the
   * last request.
   */
  readonly knownReason: () => Error | undefined
}

/** Creates a callback that logs the loss and the recovery of a store, one line each. */
export function stateLog({
  address,
  log,
  stats,
  knownReason,
}: StateLogOptions): (change: StoreStateChange) => void {
  let logged = { degraded: 0, unavailable: 0 }
  return ({ state, policy, cause }) => {
    if (state === 'open') {
      const message = `store does not respond; ${POLICY_EFFECTS[policy]}`
      log.error({ store: address, policy, reason: reasonOf(knownReason() ?? cause) }, message)
      return
    }
    const { degraded, unavailable } = stats()
    const decidedWithout = degraded - logged.degraded
    const answeredWith503 = unavailable - logged.unavailable
    logged = { degraded, unavailable }
    log.info({ store: address, policy, decidedWithout, answeredWith503 }, 'store responds again')
  }
}

/**
 * Creates a callback that logs requests which a working store cannot decide. Each message is logged
 * once. The total number of messages is bounded, even if the store names a different client in
 * each.
 */
export function requestErrorLog(address: string, log: Log): (failure: StoreRequestFailure) => void {
  const logged = new Set<string>()
  return ({ policy, cause }) => {
    if (logged.has(cause.message) || logged.size === MAX_LOGGED_ERRORS) return
    logged.add(cause.message)
    const fields = { store: address, policy, reason: cause.message }
    log.error(fields, 'store cannot decide these requests; the failure policy decides them')
  }
}

/**
 * Describes a failure by its message alone. Other properties of such errors contain the failed
 * command, which may contain the password.
 */
function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause)
}
