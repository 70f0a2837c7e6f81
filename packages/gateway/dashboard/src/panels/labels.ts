import { units, wait } from '../components/format.js'

/** What the gateway's names mean, for those who have not read its documentation. */

const REASONS: Readonly<Record<string, string>> = {
  exceeded: 'used up',
  oversized: 'too large for the limit',
  busy: 'no slot free',
}

/** Why a rule refused. */
export function reasonText(reason: string): string {
  return REASONS[reason] ?? reason
}

/** What a policy for a lost store does. */
export const FAILURE_POLICIES = {
  local: 'decided in memory',
  open: 'everybody is let in',
  closed: 'everybody is refused',
}

const FOR_WHOM: Readonly<Record<string, string>> = {
  client: 'for each client',
  ip: 'for each address',
  everyone: 'for all alignTimelines',
}

/** Whom a rule counts for, as the file names it. */
export function keyLabel(keyedBy: string): string {
  return FOR_WHOM[keyedBy] ?? `for each ${keyedBy}`
}

/** What a limit is of, where that does not go without saying. */
export function resourceSuffix(resource: string): string {
  return resource === 'requests' || resource === 'concurrent' ? '' : ` of ${resource}`
}

/** `1 request`, `7 tokens`, `2 at once`. */
export function amountLabel(resource: string, remaining: number): string {
  const left = units(remaining)
  if (resource === 'concurrent') return `${left} at once`
  return `${left} ${left === '1' ? resource.replace(/s$/, '') : resource}`
}

/** When a request of cost 1 is let in again. */
export function retryLabel(retryAfter: number | null): string {
  return retryAfter === 0 ? 'now' : retryAfter === null ? 'never' : `in ${wait(retryAfter)}`
}
