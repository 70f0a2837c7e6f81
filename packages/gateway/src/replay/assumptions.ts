import { type GatewayConfig, policiesOf } from '../policy/config/config.js'
import { NO_TOKENS } from './engine/replayed-request.js'
import type { SkippedRule } from './engine/simulator.js'
import type { ReplayOptions } from './replay-options.js'
import type { TraceFormat } from './trace/trace.js'

/** Fields that at least one request of a trace contains. */
export interface RecordedFields {
  clients: boolean
  addresses: boolean
  durations: boolean
  tokens: boolean
}

/** Lists the assumptions that a reader of the report should know about. */
export function assumptionsOf(
  config: GatewayConfig,
  recorded: RecordedFields,
  { duration, clients, unready }: ReplayOptions,
): string[] {
  const policies = policiesOf(config)
  const rules = policies.flatMap((policy) => policy.rules)
  const notes: string[] = []
  if (clients !== undefined)
    notes.push(
      `Requests without a client were assigned to ${clients} clients in turn (n-th request: client n mod ${clients}).`,
    )
  else if (!recorded.clients && !recorded.addresses)
    notes.push(
      'The trace has no clients: all requests count as one client. --clients N assigns them to N clients.',
    )
  if (recorded.clients && !recorded.addresses && rules.some(({ by }) => by === 'ip'))
    notes.push('The trace has no addresses: limits by address were applied by client.')
  if (!recorded.durations && duration === undefined && rules.some((rule) => 'concurrent' in rule))
    notes.push(
      'The trace has no durations: requests took no time, so no concurrency limit refused a request. --duration sets how long they run.',
    )
  if (policies.some(({ warmUp }) => warmUp !== undefined) && (unready ?? []).length === 0)
    notes.push('Models were always ready. --unready 0s-30s replays their warm-up.')
  if (config.store.kind !== 'memory')
    notes.push('State was kept in memory, as in a single gateway; the configured store was not used.')
  return notes
}

/** Lists the rules that lacked a recorded cost or key for some requests, and how to supply it. */
export function skippedRuleAssumptions(skippedRules: readonly SkippedRule[], format: TraceFormat): string[] {
  return skippedRules.map(({ route, rule, why, requests }) => {
    const count = `${requests.toLocaleString('en')} ${requests === 1 ? 'request' : 'requests'}`
    return `The rule '${rule}' of ${route} was skipped for ${count}, to which the other rules still applied: ${why}. ${remedy(why, format)}`.trimEnd()
  })
}

function remedy(why: string, format: TraceFormat): string {
  if (format === 'combined')
    return 'Access logs cannot contain this value: replay a gateway record, or CSV or JSON lines with a column for it.'
  return why === NO_TOKENS ? 'Map its columns: --columns input_tokens=NAME,output_tokens=NAME.' : ''
}
