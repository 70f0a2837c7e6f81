import { units, wait } from '../components/format.js'

const REASONS: Readonly<Record<string, string>> = {
  exceeded: 'limit reached',
  oversized: 'cost exceeds the limit',
  busy: 'no free slot',
  blocked: 'client is blocked',
}

/** Describes the reason of a refusal. */
export function reasonText(reason: string): string {
  return REASONS[reason] ?? reason
}

/** Describes what happens while the store is unavailable, by failure policy. */
export const FAILURE_POLICIES = {
  local: 'counting in memory',
  open: 'admitting all requests',
  closed: 'rejecting all requests',
}

const KEY_LABELS: Readonly<Record<string, string>> = {
  client: 'per client',
  ip: 'per IP address',
  everyone: 'across all clients',
}

/** Describes the key by which a rule counts. */
export function keyLabel(keyedBy: string): string {
  return KEY_LABELS[keyedBy] ?? `per ${keyedBy}`
}

/** Names the resource of a limit, unless the limit counts requests or concurrent requests. */
export function resourceSuffix(resource: string): string {
  return resource === 'requests' || resource === 'concurrent' ? '' : ` of ${resource}`
}

/**
 * Formats remaining units: `1 request`, `7 tokens`, `2 slots`, `12.34 USD`.
 *
 * @param limit the limit as text, which names the currency of money
 */
export function amountLabel(resource: string, remaining: number, limit: string): string {
  const currency = resource === 'money' ? /\b[A-Z]{3}\b/.exec(limit)?.[0] : undefined
  if (currency !== undefined) return `${(Math.floor(remaining * 100) / 100).toFixed(2)} ${currency}`
  const left = units(remaining)
  const noun = resource === 'concurrent' ? 'slots' : resource
  return `${left} ${left === '1' ? noun.replace(/s$/, '') : noun}`
}

/** Formats the time until a request of cost 1 is admitted. */
export function retryLabel(retryAfter: number | null): string {
  return retryAfter === 0 ? 'now' : retryAfter === null ? 'never' : `in ${wait(retryAfter)}`
}
