import { type GatewayConfig, policiesOf } from '../policy/config/config.js'
import { NO_TOKENS } from './engine/replayed-request.js'
import type { SkippedRule } from './engine/simulator.js'
import type { ReplayOptions } from './replay-options.js'
import type { ServerReport } from './server/server-report.js'
import type { TraceFormat } from './trace/trace.js'
import { TraceError } from './trace/trace-request.js'

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
  { duration, clients, unready, server }: ReplayOptions,
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
  if (
    server === undefined &&
    !recorded.durations &&
    duration === undefined &&
    rules.some((rule) => 'concurrent' in rule)
  )
    notes.push(
      'The trace has no durations: requests took no time, so no concurrency limit refused a request. --duration sets how long they run.',
    )
  if (server !== undefined)
    notes.push(
      `Requests lasted as long as a model of ${server.name} needed for them. Compare policies with it; its absolute times are estimates.`,
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
    return `The rule '${rule}' of ${route} was skipped for ${countOf(requests)}, to which the other rules still applied: ${why}. ${remedy(why, format)}`.trimEnd()
  })
}

/**
 * Lists the requests that the model of the server could not run.
 *
 * @throws TraceError if it could run none because the trace has no tokens
 */
export function serverAssumptions({ requests }: ServerReport): string[] {
  const { arrived, tooLong, withoutTokens } = requests
  if (arrived === 0 && withoutTokens > 0)
    throw new TraceError(
      'the trace has no tokens, which a server requires; map its columns: --columns input_tokens=NAME,output_tokens=NAME',
    )
  return [
    ...(withoutTokens > 0
      ? [`${countOf(withoutTokens)} without recorded tokens did not reach the server.`]
      : []),
    ...(tooLong > 0
      ? [`${countOf(tooLong)} did not fit into the KV cache of the server and ended at once.`]
      : []),
  ]
}

function countOf(requests: number): string {
  return `${requests.toLocaleString('en')} ${requests === 1 ? 'request' : 'requests'}`
}

function remedy(why: string, format: TraceFormat): string {
  if (format === 'combined')
    return 'Access logs cannot contain this value: replay a gateway record, or CSV or JSON lines with a column for it.'
  return why === NO_TOKENS ? 'Map its columns: --columns input_tokens=NAME,output_tokens=NAME.' : ''
}
