import { availableParallelism } from 'node:os'
import type { Readable } from 'node:stream'
import type { GatewayConfig } from '../policy/config/config.js'
import { assumptionsOf, unweighedAssumptions } from './assumptions.js'
import { playOptions, type ReplayOptions } from './replay-options.js'
import type { Reports } from './report/aggregator.js'
import { Agreement } from './report/agreement.js'
import type { Comparison } from './report/comparison.js'
import type { ReplayReport } from './report/report.js'
import { Counting } from './report/report-builder.js'
import { type Player, runReplays } from './run-replay.js'
import { Encoder } from './stats/pipeline/encoder.js'
import { TraceError } from './trace/trace-request.js'

const DEFAULT_LISTED = 100

/**
 * Plays a recorded load through the limits of a configuration, on a time of its own: what would this policy have done?
 *
 *     const report = await replay('traffic.csv.gz', await loadConfig('sluice.yaml'), { duration: '2s' })
 *     console.log(report.requests.refused)
 *
 * The same trace and configuration give the same report. What is kept in memory does not grow with the length of the trace; it grows with
 * the clients and keys that are told apart, of which there is a most, and with the requests within the longest period.
 *
 * @param trace a file, gzip or not, or a stream of the same
 * @throws TraceError for what is no trace, or goes not with the configuration.
 */
export async function replay(
  trace: string | Readable,
  config: GatewayConfig,
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  const { reports } = await replayEach(trace, [config], undefined, options)
  return reports[0] as ReplayReport
}

/** As `replay`, with two configurations side by side, in one reading of the trace. */
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
  const counting = new Counting(threadsOf(options))
  const tellers: Encoder[] = []
  const players = configs.map(
    (config, index): Player => ({
      config,
      observer(now, origin) {
        const teller = new Encoder(index, counting, config, now, origin)
        tellers.push(teller)
        return {
          decided(played) {
            if (index === 0) onDecision?.(played)
            agreement?.decided(index === 0 ? 'one' : 'other', played)
            return teller.decided(played)
          },
        }
      },
    }),
  )
  try {
    const { trace, engines, seen } = await runReplays(source, players, {
      ...playOptions(options),
      keepUp: () => counting.keepUp(),
    })
    for (const teller of tellers) teller.flush()
    return await counting.close({
      reading: trace.reading,
      origin: trace.origin,
      listed,
      replays: engines.map(({ passedOver, unweighed }, index) => ({
        passedOver,
        notes: [
          ...assumptionsOf(configs[index] as GatewayConfig, seen, options),
          ...unweighedAssumptions(unweighed, trace.reading.format),
        ],
      })),
      agreement: agreement?.requests,
    })
  } finally {
    await counting.end()
  }
}

/** @throws TraceError */
function threadsOf({ threads }: ReplayOptions): number {
  if (threads === undefined) return Math.min(2, availableParallelism())
  if (threads === 1 || threads === 2) return threads
  throw new TraceError(`a replay uses 1 or 2 threads, not ${threads}`)
}
