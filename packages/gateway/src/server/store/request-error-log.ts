import type { StoreRequestFailure } from 'sluice'
import type { Log } from '../logging/log.js'

/** How many different errors are remembered as logged; more than that are many keys with one cause. */
const MAX_LOGGED = 100

/** A store that names a client in each of its errors fills no log: the rest of a flood is only counted in the metrics. */
export function tellRequestErrors(address: string, log: Log): (failure: StoreRequestFailure) => void {
  const logged = new Set<string>()
  return ({ policy, cause }) => {
    if (logged.has(cause.message) || logged.size === MAX_LOGGED) return
    logged.add(cause.message)
    const fields = { store: address, policy, reason: cause.message }
    log.error(fields, 'the store cannot decide these requests; the policy decides them')
  }
}
