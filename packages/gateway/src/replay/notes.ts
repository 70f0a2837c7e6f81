import type { GatewayConfig } from '../config/config.js'
import type { ReplayOptions } from './replay.js'
import { MOST_CLIENTS, OTHERS } from './tally/client-tallies.js'
import { MOST_KEYS, MOST_REMEMBERED } from './tally/rule-tally.js'
import type { Tally } from './tally/tally.js'

/** What was recorded of at least one request. */
export interface Seen {
  clients: boolean
  addresses: boolean
  durations: boolean
  tokens: boolean
}

/** What whoever reads a report should know about what was assumed, or left out. */
export function notesOf(
  config: GatewayConfig,
  seen: Seen,
  { duration, clients, unready }: ReplayOptions,
  tally: Tally,
): string[] {
  const policies = config.fallback === 'deny' ? config.routes : [...config.routes, config.fallback]
  const rules = policies.flatMap((policy) => policy.rules)
  const notes: string[] = []
  if (clients !== undefined)
    notes.push(
      `Requests without a client were dealt to ${clients} clients in turn (n-th request: client n mod ${clients}).`,
    )
  else if (!seen.clients && !seen.addresses)
    notes.push('The trace names no clients: all requests count as one client. --clients N deals them to N.')
  if (seen.clients && !seen.addresses && rules.some(({ by }) => by === 'ip'))
    notes.push(
      'The trace has no addresses: where a limit counts by address, a client stands for its address.',
    )
  if (!seen.durations && duration === undefined && rules.some((rule) => 'concurrent' in rule))
    notes.push(
      'The trace has no durations: requests took no time, and no limit of what is in flight refused any. --duration says how long they run.',
    )
  if (policies.some(({ warmUp }) => warmUp !== undefined) && (unready ?? []).length === 0)
    notes.push('Models were ready all the time. --unready 0s-30s plays their warm-up.')
  if (config.store.kind !== 'memory')
    notes.push(
      'State was kept in memory, as one gateway would have it; the store of the configuration was not asked.',
    )
  if (tally.rules.all.some(({ measured, limit }) => !measured && !('align' in limit)))
    notes.push(
      `False refusals of some rules were not measured: there were more than ${MOST_KEYS} keys, or more than ${MOST_REMEMBERED} requests within their periods.`,
    )
  if (tally.clients.requests(OTHERS) > 0)
    notes.push(`More than ${MOST_CLIENTS} clients: those that came later were counted together.`)
  return notes
}
