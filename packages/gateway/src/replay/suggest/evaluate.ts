import type { Readable } from 'node:stream'
import type { GatewayConfig } from '../../policy/config/config.js'
import { EntryPool, TooManyEntriesError } from '../columns/entry-pool.js'
import type { ReplayObserver } from '../engine/replay-events.js'
import { type PlayOptions, playOptions } from '../replay-options.js'
import { runReplays } from '../run-replay.js'
import { senderName } from '../trace/sender-ids.js'
import { TraceError } from '../trace/trace-request.js'
import { ClientRates } from './client-rates.js'
import type { Objective, RefusalObjective } from './objective.js'
import { type Concerns, ObjectiveMeter } from './objective-meter.js'
import type { Measure, Point } from './search.js'
import type { SuggestOptions } from './suggest-options.js'
import { type Candidate, type Target, withCandidate } from './suggest-target.js'

/** A trace that can be read several times: a file, or what opens a stream of the same each time. */
export type TraceToReread = string | (() => Readable)

export function traceOnce(trace: TraceToReread): string | Readable {
  return typeof trace === 'string' ? trace : trace()
}

/** Keys that may be kept at a time, over all candidates that are played together. */
const MAX_KEYS = 2_000_000

const MAX_REMEMBERED = 16_000_000

/**
 * Makes what plays the trace with limits in place of a rule's, and measures how far each is from a wish. So many are played together as
 * memory is enough for.
 *
 * @throws TraceError for what is no trace, or too much of one to be measured.
 */
export async function measuring(
  trace: TraceToReread,
  config: GatewayConfig,
  target: Target,
  wish: Objective,
  options: SuggestOptions,
): Promise<Measure> {
  const playing = playOptions(options)
  const { mostRemembered: most = MAX_REMEMBERED } = options
  const { concerns, clients } = await whomItConcerns(trace, config, wish, most, playing)
  let atOnce = Math.max(1, Math.floor(MAX_KEYS / Math.max(1, clients)))
  let rounds = 0
  let tried = 0
  const play = async (some: readonly Candidate[]): Promise<Point[]> => {
    const entries = new EntryPool(most)
    const meters = some.map(() => new ObjectiveMeter(wish, target, concerns, entries))
    const players = some.map((candidate, index) => ({
      config: withCandidate(config, target, candidate),
      observer: (): ReplayObserver => meters[index] as ObjectiveMeter,
    }))
    await runReplays(traceOnce(trace), players, playing)
    return some.map((each, index) => ({ ...each, measures: (meters[index] as ObjectiveMeter).measures }))
  }
  return async (candidates) => {
    const points: Point[] = []
    while (points.length < candidates.length) {
      const some = candidates.slice(points.length, points.length + atOnce)
      try {
        points.push(...(await play(some)))
      } catch (error) {
        if (!(error instanceof TooManyEntriesError)) throw error
        if (some.length === 1) throw notRemembered(most)
        atOnce = Math.ceil(some.length / 2)
        continue
      }
      rounds++
      tried += some.length
      options.onRound?.(rounds, tried)
    }
    return points
  }
}

/** Who each `refuse` clause is about. Clients under a rate are known once all that they send was seen. */
async function whomItConcerns(
  trace: TraceToReread,
  config: GatewayConfig,
  { refuse }: Objective,
  most: number,
  options: PlayOptions,
): Promise<{ readonly concerns: readonly Concerns[]; readonly clients: number }> {
  const entries = new EntryPool(most)
  const rates = refuse.map(({ whom }) =>
    whom.kind === 'under' || whom.kind === 'over' ? new ClientRates(whom, entries) : undefined,
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
    await runReplays(traceOnce(trace), [{ config, observer }], options)
  } catch (error) {
    throw error instanceof TooManyEntriesError ? notRemembered(most) : error
  }
  return { concerns: refuse.map((clause, index) => concernsOf(clause, rates[index])), clients: all.clients }
}

function notRemembered(most: number): TraceError {
  return new TraceError(
    `within the periods of this wish there are more than the ${most} requests that are remembered; wish for something in shorter ones`,
  )
}

function concernsOf({ whom }: RefusalObjective, rates: ClientRates | undefined): Concerns {
  if (rates !== undefined) return ({ sender }) => rates.includes(sender)
  if (whom.kind === 'client') return (request) => senderName(request) === whom.name
  if (whom.kind === 'tier') return ({ tier }) => tier === whom.name
  return () => true
}
