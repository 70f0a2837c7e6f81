import { generate } from '../arrivals/generate.js'
import { type Contender, runContender } from '../contenders/contender.js'
import { AibrixAimd } from '../contenders/gates/aibrix-aimd.js'
import { EnvoyGradient } from '../contenders/gates/envoy-gradient.js'
import { Gradient2 } from '../contenders/gates/gradient2.js'
import { type AdaptiveLimit, LatencyGate } from '../contenders/gates/latency-gate.js'
import { StaticGate } from '../contenders/gates/static-gate.js'
import { Vegas } from '../contenders/gates/vegas.js'
import { FirstComeLine } from '../contenders/lines/first-come-line.js'
import {
  AIBRIX_SETTINGS,
  ENVOY_SETTINGS,
  GRADIENT2_SETTINGS,
  VEGAS_SETTINGS,
} from '../contenders/searches.js'
import { autoFirstCome } from '../contenders/sluice.js'
import { type Context, type Experiment, type Row, ratios, SEEDS } from '../experiment.js'
import { firstTokenQuantile, refusedShare } from '../metrics.js'
import { search } from '../search.js'
import { capacityOf, SLOTS_256 } from '../servers.js'
import type { Run } from '../simulation/simulate.js'

const DURATION_MS = 600_000
const LOAD = 0.7
const PATIENCE_MS = 10_000
const PLACES = 200

/** A load below the capacity, which a limit should not disturb. */
export const adaptiveLimits: Experiment = {
  ids: ['A1', 'A5'],
  title: '70 % of the capacity of 256 slots, ten minutes',
  run: (context) => {
    const lengths = context.traces.chat()
    const perSecond = LOAD * capacityOf(SLOTS_256, 'chat', lengths)
    const at = (contender: Contender, seed: number) =>
      runContender(contender, {
        arrivals: generate({ seed, perSecond, durationMs: DURATION_MS, lengths }),
        server: SLOTS_256.figures,
        patienceMs: PATIENCE_MS,
      })
    const ours = SEEDS.map((seed) => at(autoFirstCome({ places: PLACES }), seed))
    const unlimited = SEEDS.map((seed) =>
      at(
        behind(() => new StaticGate()),
        seed,
      ),
    )
    const p99 = (runs: readonly Run[]) => runs.map(({ requests }) => firstTokenQuantile(requests, 0.99))
    const tokens = (runs: readonly Run[]) => runs.map(servedTokens)
    return [
      {
        id: 'A1',
        figure: 'tokens ÷ no limit',
        better: 'more',
        values: ratios(tokens(ours), tokens(unlimited)),
        target: 0.995,
      },
      {
        ...{ id: 'A1', figure: 'p99 time to first token ÷ no limit', better: 'less' },
        ...{ values: ratios(p99(ours), p99(unlimited)), target: 1.05 },
      },
      {
        id: 'A1',
        figure: 'refused',
        better: 'less',
        values: ours.map((run) => refusedShare(run.requests)),
        target: 0,
      },
      ...rivals(at, context).flatMap(({ name, contender, defaults }): Row[] => {
        const figure = (limit: Contender) =>
          ratios(tokens(ours), tokens(SEEDS.map((seed) => at(limit, seed))))
        return [
          {
            id: 'A5',
            figure: `tokens ÷ ${name}, tuned`,
            better: 'more',
            values: figure(contender),
            target: 1.8,
          },
          { id: 'A5', figure: `tokens ÷ ${name}, defaults`, better: 'more', values: figure(defaults) },
        ]
      }),
    ]
  },
}

interface Rival {
  readonly name: string
  readonly contender: Contender
  readonly defaults: Contender
}

function rivals(at: (contender: Contender, seed: number) => Run, context: Context): Rival[] {
  const tuned = <T extends object>(
    name: string,
    settings: readonly T[],
    create: (setting?: T) => AdaptiveLimit,
  ): Rival => {
    const make = (setting?: T) => behind(() => new LatencyGate(create(setting)))
    const report = search(name, 'tokens served', 'more', settings, (setting, seed) =>
      servedTokens(at(make(setting), seed)),
    )
    context.reportSearch(report)
    return { name, contender: make(report.chosen), defaults: make() }
  }
  return [
    tuned('Vegas', VEGAS_SETTINGS, (setting) => new Vegas(setting)),
    tuned('Gradient2', GRADIENT2_SETTINGS, (setting) => new Gradient2(setting)),
    tuned('Envoy gradient', ENVOY_SETTINGS, (setting) => new EnvoyGradient(setting)),
    tuned('AIBrix AIMD', AIBRIX_SETTINGS, (setting) => new AibrixAimd(setting)),
  ]
}

function behind(gate: Contender['gate']): Contender {
  return { line: () => new FirstComeLine(PLACES), gate }
}

function servedTokens({ requests }: Run): number {
  return requests.reduce(
    (sum, { endedAt, input, output }) => sum + (endedAt === undefined ? 0 : input + output),
    0,
  )
}
