import type { FailurePolicyName, FailureStats, StoreStateChange } from 'sluice'
import type { Log } from '../logging/log.js'

const MEANWHILE: Readonly<Record<FailurePolicyName, string>> = {
  local: 'this gateway decides by itself, with its share of each limit',
  open: 'requests are let in uncounted',
  closed: 'limited requests are answered with 503',
}

export interface StateLogOptions {
  /** Without a password. */
  readonly address: string
  readonly log: Log
  readonly stats: () => FailureStats
  /** Why the store does not answer, where more is known of it than what the last request met. */
  readonly knownReason: () => Error | undefined
}

/** Logs the loss of a store and its return: a line each, however many requests come. */
export function tellChanges({
  address,
  log,
  stats,
  knownReason,
}: StateLogOptions): (change: StoreStateChange) => void {
  let told = { degraded: 0, unavailable: 0 }
  return ({ state, policy, cause }) => {
    if (state === 'open') {
      const message = `the store does not answer; ${MEANWHILE[policy]}`
      log.error({ store: address, policy, reason: reasonOf(knownReason() ?? cause) }, message)
      return
    }
    const { degraded, unavailable } = stats()
    const decidedWithout = degraded - told.degraded
    const answeredWith503 = unavailable - told.unavailable
    told = { degraded, unavailable }
    log.info({ store: address, policy, decidedWithout, answeredWith503 }, 'the store answers again')
  }
}

/**
 * What a client of a store says of a failure. Its message alone: the other properties of such errors hold the command,
 * which may be the one that sends the password.
 */
function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause)
}
