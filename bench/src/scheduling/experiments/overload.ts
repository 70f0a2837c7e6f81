import type { Arrival } from '../arrivals/arrival.js'
import { generate } from '../arrivals/generate.js'
import type { LengthSource } from '../arrivals/lengths.js'
import { type Contender, runContender } from '../contenders/contender.js'
import { StaticGate } from '../contenders/gates/static-gate.js'
import { FirstComeLine } from '../contenders/lines/first-come-line.js'
import { STATIC_LIMITS } from '../contenders/searches.js'
import { autoFirstCome } from '../contenders/sluice.js'
import { type Context, type Experiment, type Row, ratios, SEEDS } from '../experiment.js'
import { goodput, type Span, throughput } from '../metrics.js'
import { capacityOf, type NamedServer, SERVERS } from '../servers.js'
import type { Run } from '../simulation/simulate.js'

const DURATION_MS = 120_000
const WITH_RAMP: Span = { from: 0, to: DURATION_MS }
const WITHOUT_RAMP: Span = { from: 30_000, to: DURATION_MS }
const LOAD = 1.5
/** Half of the target for the first token; the server has the other half. */
const PATIENCE_MS = 1_000

/** Overload on five servers: what a limit on the requests in flight costs, and what it brings. */
export const overload: Experiment = {
  ids: ['A2', 'A3', 'A4', 'A6'],
  title: 'Overload with 1.5 × the capacity of five servers',
  run: (context) => SERVERS.flatMap((server) => onServer(server, context)),
}

function onServer(server: NamedServer, context: Context): Row[] {
  const { replicas } = server.figures
  const arrivals = arrivalsFor(server, context.traces.chat())
  const ours = autoFirstCome({ replicas })
  const limited = (limit?: number): Contender => ({
    line: () => new FirstComeLine(),
    gate: () => new StaticGate(limit),
  })
  const runs = (contender: Contender, patienceMs?: number) =>
    arrivals.map((each, index) =>
      runContender(contender, {
        arrivals: each,
        server: server.figures,
        untilMs: DURATION_MS + (patienceMs === undefined ? 0 : 30_000),
        seed: SEEDS[index] ?? 1,
        ...(patienceMs !== undefined && { patienceMs }),
      }),
    )
  const patient = { ours: runs(ours), unlimited: runs(limited()) }
  const span = replicas > 1 ? WITH_RAMP : WITHOUT_RAMP
  const throughputs = (list: readonly Run[]) => list.map((run) => throughput(run, span))
  const goodputs = (list: readonly Run[]) => list.map((run) => goodput(run, WITHOUT_RAMP))
  const impatient = runs(ours, PATIENCE_MS)
  const good = goodputs(impatient)
  const byLimit = STATIC_LIMITS.map((limit) => goodputs(runs(limited(limit), PATIENCE_MS)))
  const best = SEEDS.map((_, index) => Math.max(...byLimit.map((values) => values[index] as number)))
  const static128 = byLimit[STATIC_LIMITS.indexOf(128)] as number[]
  const bestLimits = SEEDS.map((_, index) => {
    const at = byLimit.findIndex((values) => values[index] === best[index])
    return STATIC_LIMITS[at] as number
  })
  const queues = (list: readonly Run[]) => list.map(({ serverLoad }) => serverLoad.waiting)
  const twice = runs(limited(2 * server.figures.maxSeqs * replicas), PATIENCE_MS)
  const row = (
    id: string,
    figure: string,
    better: Row['better'],
    values: readonly number[],
    bounds = {},
  ): Row => ({
    ...{ id, figure: `${server.name}: ${figure}`, better, values },
    ...bounds,
  })
  return [
    row(
      'A2',
      `tokens ÷ no limit${replicas > 1 ? ', with the ramp' : ''}`,
      'more',
      ratios(throughputs(patient.ours), throughputs(patient.unlimited)),
      { target: replicas > 1 ? 0.88 : 0.98 },
    ),
    row('A3', 'goodput ÷ best static limit for the seed', 'more', ratios(good, best), {
      target: 0.88,
      worstTarget: 0.8,
    }),
    row('A3', 'best static limit for the seed', 'more', bestLimits),
    row('A4', 'goodput ÷ no limit', 'more', ratios(good, goodputs(runs(limited(), PATIENCE_MS))), {
      target: 2.5,
    }),
    row('A4', 'goodput ÷ static 128', 'more', ratios(good, static128), { target: 1 }),
    row(
      'A6',
      'mean queue in the server ÷ (N + n/50)',
      'less',
      impatient.map(({ serverLoad }) => serverLoad.waiting / (replicas + serverLoad.inFlight / 50)),
      { target: 1 },
    ),
    row('A6', 'mean queue in the server', 'less', queues(impatient)),
    row('A6', 'mean queue in the server, static 2 × slots', 'less', queues(twice)),
  ]
}

function arrivalsFor(server: NamedServer, lengths: LengthSource): Arrival[][] {
  const perSecond = LOAD * capacityOf(server, 'chat', lengths)
  return SEEDS.map((seed) => generate({ seed, perSecond, durationMs: DURATION_MS, lengths }))
}
