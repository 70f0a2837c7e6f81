import type { Readable } from 'node:stream'
import { type GatewayConfig, policiesOf } from '../../policy/config/config.js'
import { EntryPool, TooManyEntriesError } from '../columns/entry-pool.js'
import { recordedMoney } from '../engine/recorded-money.js'
import type { ReplayObserver } from '../engine/replay-events.js'
import { type PlayOptions, playOptions } from '../replay-options.js'
import { runReplays } from '../run-replay.js'
import { senderName } from '../trace/sender-ids.js'
import { TraceError } from '../trace/trace-request.js'
import { ClientRates } from './client-rates.js'
import type { Objective, RefusalObjective } from './objective.js'
import { type MoneyOf, ObjectiveMeter, type RequestFilter } from './objective-meter.js'
import type { Evaluate, Point } from './search.js'
import type { SuggestOptions } from './suggest-options.js'
import { type Candidate, type Target, withCandidate } from './suggest-target.js'

/** A trace that can be read several times: a file, or a function that opens a stream of it. */
export type TraceToReread = string | (() => Readable)

/** Returns the source for one pass over a trace. */
export function sourceOf(trace: TraceToReread): string | Readable {
  return typeof trace === 'string' ? trace : trace()
}

/** Maximum number of keys in memory at a time, across all candidates evaluated together. */
const MAX_KEYS = 2_000_000

/** Default maximum number of requests remembered within the periods of the objective. */
const MAX_REMEMBERED = 16_000_000

/**
 * Creates a function that replays the trace with candidates for the limit of a rule and measures
 * them against an objective. It evaluates as many candidates together as fit into memory.
 *
 * @throws TraceError if the trace is invalid or too large for the periods of the objective
 */
export async function createEvaluator(
  trace: TraceToReread,
  config: GatewayConfig,
  target: Target,
  objective: Objective,
  options: SuggestOptions,
): Promise<Evaluate> {
  const replayOptions = playOptions(options)
  const moneyOf = moneyIn(config, objective)
  const { mostRemembered: maxEntries = MAX_REMEMBERED } = options
  const { filters, clientCount } = await createFilters(trace, config, objective, maxEntries, replayOptions)
  let batchSize = Math.max(1, Math.floor(MAX_KEYS / Math.max(1, clientCount)))
  let rounds = 0
  let tried = 0
  const replayBatch = async (batch: readonly Candidate[]): Promise<Point[]> => {
    const entries = new EntryPool(maxEntries)
    const meters = batch.map(() => new ObjectiveMeter(objective, target, filters, entries, moneyOf))
    const players = batch.map((candidate, index) => ({
      config: withCandidate(config, target, candidate),
      observer: (): ReplayObserver => meters[index] as ObjectiveMeter,
    }))
    await runReplays(sourceOf(trace), players, replayOptions)
    return batch.map((each, index) => ({ ...each, measures: (meters[index] as ObjectiveMeter).measures }))
  }
  return async (candidates) => {
    const points: Point[] = []
    while (points.length < candidates.length) {
      const batch = candidates.slice(points.length, points.length + batchSize)
      try {
        points.push(...(await replayBatch(batch)))
      } catch (error) {
        if (!(error instanceof TooManyEntriesError)) throw error
        if (batch.length === 1) throw tooManyRequests(maxEntries)
        batchSize = Math.ceil(batch.length / 2)
        continue
      }
      rounds++
      tried += batch.length
      options.onRound?.(rounds, tried)
    }
    return points
  }
}

/**
 * Creates the filter of each `refuse` clause. Reads the trace once to find the clients under or
 * over a rate.
 */
async function createFilters(
  trace: TraceToReread,
  config: GatewayConfig,
  { refuse }: Objective,
  maxEntries: number,
  options: PlayOptions,
): Promise<{ readonly filters: readonly RequestFilter[]; readonly clientCount: number }> {
  const entries = new EntryPool(maxEntries)
  const rates = refuse.map(({ clients }) =>
    clients.kind === 'under' || clients.kind === 'over' ? new ClientRates(clients, entries) : undefined,
  )
  const all = new ClientRates({ kind: 'under', limit: 1, period: 1 }, new EntryPool())
  const observer = (): ReplayObserver => ({
    decided(played) {
      all.decided(played)
      for (const each of rates) each?.decided(played)
      return undefined
    },
  })
  try {
    await runReplays(sourceOf(trace), [{ config, observer }], options)
  } catch (error) {
    throw error instanceof TooManyEntriesError ? tooManyRequests(maxEntries) : error
  }
  return {
    filters: refuse.map((clause, index) => filterOf(clause, rates[index])),
    clientCount: all.clients,
  }
}

/**
 * Returns a function that returns what the requests of a configuration cost.
 *
 * @throws TraceError if the objective is in another currency
 */
function moneyIn(config: GatewayConfig, { admit }: Objective): MoneyOf {
  const own = config.prices?.list.currency
  for (const { text, currency } of admit)
    if (currency !== undefined && own !== undefined && currency !== own)
      throw new TraceError(
        `the prices are in ${own}, so an objective cannot be in ${currency}, as in '${text}'`,
      )
  const calls = new Map(policiesOf(config).map(({ name, llm }) => [name, llm]))
  return (request, route) => {
    const { shape, pricing } = (route === undefined ? undefined : calls.get(route)) ?? {}
    const isPriced = shape !== undefined && pricing !== undefined
    return (isPriced ? recordedMoney({ shape, pricing }, request) : request.money) ?? 0
  }
}

function tooManyRequests(max: number): TraceError {
  return new TraceError(
    `there are more than ${max} requests within the periods of the objective; use shorter periods`,
  )
}

function filterOf({ clients }: RefusalObjective, rates: ClientRates | undefined): RequestFilter {
  if (rates !== undefined) return ({ sender }) => rates.includes(sender)
  if (clients.kind === 'client') return (request) => senderName(request) === clients.name
  if (clients.kind === 'tier') return ({ tier }) => tier === clients.name
  return () => true
}
