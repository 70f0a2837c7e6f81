import { type GatewayConfig, policiesOf } from '../policy/config/config.js'
import { NO_TOKENS } from './engine/replayed-request.js'
import type { Unweighed } from './engine/simulator.js'
import type { ReplayOptions } from './replay-options.js'
import type { TraceFormat } from './trace/trace.js'

/** What was recorded of at least one request. */
export interface Seen {
  clients: boolean
  addresses: boolean
  durations: boolean
  tokens: boolean
}

/** What whoever reads a report should know about what was assumed. */
export function assumptionsOf(
  config: GatewayConfig,
  seen: Seen,
  { duration, clients, unready }: ReplayOptions,
): string[] {
  const policies = policiesOf(config)
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
  return notes
}

/** Which rules could not weigh some requests, and how to supply what they need. */
export function unweighedAssumptions(unweighed: readonly Unweighed[], format: TraceFormat): string[] {
  return unweighed.map(({ route, rule, why, requests }) => {
    const some = `${requests.toLocaleString('en')} ${requests === 1 ? 'request' : 'requests'}`
    return `The rule '${rule}' of ${route} did not weigh ${some}, and the other rules did: ${why}. ${remedy(why, format)}`.trimEnd()
  })
}

function remedy(why: string, format: TraceFormat): string {
  if (format === 'combined')
    return 'An access log has no place for it: play what the gateway recorded, or CSV or JSON lines with such columns.'
  return why === NO_TOKENS ? 'Name its columns: --columns input_tokens=NAME,output_tokens=NAME.' : ''
}
