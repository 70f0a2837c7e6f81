import type { Readable } from 'node:stream'
import { availableCores } from '../policy/config/available-cores.js'
import type { GatewayConfig } from '../policy/config/config.js'
import { assumptionsOf, serverAssumptions, skippedRuleAssumptions } from './assumptions.js'
import { playOptions, type ReplayOptions } from './replay-options.js'
import type { Reports } from './report/aggregator.js'
import { Agreement } from './report/agreement.js'
import type { Comparison } from './report/comparison.js'
import type { ReplayReport } from './report/report.js'
import { ReportBuilder } from './report/report-builder.js'
import { type Player, runReplays } from './run-replay.js'
import { Encoder } from './stats/pipeline/encoder.js'
import { TraceError } from './trace/trace-request.js'

const DEFAULT_LISTED = 100

/**
 * Replays recorded traffic against a configuration in virtual time and reports its decisions.
 *
 *     const config = await loadConfig('sluice.yaml')
 *     const report = await replay('traffic.csv.gz', config, { duration: '2s' })
 *     console.log(report.requests.refused)
 *
 * The same trace and configuration always produce the same report. Memory does not grow with the
 * length of the trace. It grows with the number of clients and keys, which is bounded, and with the
 * number of requests within the longest period.
 *
 * @param trace a file or a stream, optionally gzipped
 * @throws TraceError if the trace is invalid or does not match the configuration
 */
export async function replay(
  trace: string | Readable,
  config: GatewayConfig,
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  const { reports } = await replayEach(trace, [config], undefined, options)
  return reports[0] as ReplayReport
}

/**
 * Replays two configurations side by side, reading the trace once.
 *
 * @throws TraceError under the same conditions as `replay`
 */
export async function compare(
  trace: string | Readable,
  one: GatewayConfig,
  other: GatewayConfig,
  options: ReplayOptions = {},
): Promise<Comparison> {
  const { comparison } = await replayEach(trace, [one, other], new Agreement(), options)
  return comparison as Comparison
}

async function replayEach(
  source: string | Readable,
  configs: readonly GatewayConfig[],
  agreement: Agreement | undefined,
  options: ReplayOptions,
): Promise<Reports> {
  const { listed = DEFAULT_LISTED, onDecision } = options
  const builder = new ReportBuilder(threadsOf(options))
  const encoders: Encoder[] = []
  const players = configs.map(
    (config, index): Player => ({
      config,
      observer(now, origin) {
        const encoder = new Encoder(index, builder, config, now, origin)
        encoders.push(encoder)
        return {
          decided(played) {
            if (index === 0) onDecision?.(played)
            agreement?.decided(index === 0 ? 'one' : 'other', played)
            return encoder.decided(played)
          },
        }
      },
    }),
  )
  try {
    const { trace, engines, recorded } = await runReplays(source, players, {
      ...playOptions(options),
      ready: () => builder.ready(),
    })
    for (const encoder of encoders) encoder.flush()
    return await builder.report({
      reading: trace.reading,
      origin: trace.origin,
      listed,
      replays: engines.map((engine, index) => {
        const server = engine.serverReport(trace.origin)
        return {
          passedOver: engine.passedOver,
          server,
          notes: [
            ...assumptionsOf(configs[index] as GatewayConfig, recorded, options),
            ...(server === undefined ? [] : serverAssumptions(server)),
            ...skippedRuleAssumptions(engine.skippedRules, trace.reading.format),
          ],
        }
      }),
      agreement: agreement?.requests,
    })
  } finally {
    await builder.end()
  }
}

function threadsOf({ threads }: ReplayOptions): number {
  if (threads === undefined) return Math.min(2, availableCores())
  if (threads === 1 || threads === 2) return threads
  throw new TraceError(`'threads' must be 1 or 2, not ${threads}`)
}
