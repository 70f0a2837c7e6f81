import type { Arrival } from '../arrivals/arrival.js'
import { generate } from '../arrivals/generate.js'
import { Random } from '../arrivals/random.js'
import { type Contender, runContender } from '../contenders/contender.js'
import { StaticGate } from '../contenders/gates/static-gate.js'
import { FirstComeLine } from '../contenders/lines/first-come-line.js'
import { autoFirstCome } from '../contenders/sluice.js'
import { type Context, type Experiment, type Row, ratios, SEEDS } from '../experiment.js'
import { type Span, throughput } from '../metrics.js'
import { capacityOf, type NamedServer, SLOTS_48, SLOTS_256 } from '../servers.js'

const DURATION_MS = 480_000
const FIRST_MINUTES: Span = { from: 0, to: 120_000 }
const LATER: Span = { from: 120_000, to: DURATION_MS }
const LOAD = 1.5

interface Mix {
  readonly name: string
  readonly hidden: number
  /** Share of the requests with hidden tokens. */
  readonly share: number
  readonly target: number
}

const MIXES: readonly Mix[] = [
  { name: '100 hidden tokens', hidden: 100, share: 1, target: 0.97 },
  { name: '400 hidden tokens', hidden: 400, share: 1, target: 0.95 },
  { name: '400 hidden tokens in 30 %', hidden: 400, share: 0.3, target: 0.9 },
]

/** Responses whose first tokens are not shown, such as the thoughts of a reasoning model. */
export const hiddenWork: Experiment = {
  ids: ['A9', 'A9b'],
  title: 'Hidden thoughts before the first shown token, overload, eight minutes',
  run: (context) =>
    [SLOTS_256, SLOTS_48].flatMap((server) => MIXES.flatMap((mix) => onServer(server, mix, context))),
}

function onServer(server: NamedServer, mix: Mix, context: Context): Row[] {
  const lengths = context.traces.chat()
  const perSecond = LOAD * capacityOf(server, 'chat', lengths)
  const runs = (contender: Contender) =>
    SEEDS.map((seed) => {
      const arrivals = withThoughts(
        generate({ seed, perSecond, durationMs: DURATION_MS, lengths }),
        mix,
        seed,
      )
      return runContender(contender, { arrivals, server: server.figures, untilMs: DURATION_MS })
    })
  const unlimited = runs({
    line: () => new FirstComeLine(),
    gate: () => new StaticGate(2 * server.figures.maxSeqs),
  })
  const told = runs(autoFirstCome({ reportsUsage: true }))
  const untold = runs(autoFirstCome({ reportsUsage: false }))
  const share = (list: typeof told, span: Span) =>
    ratios(
      list.map((run) => throughput(run, span)),
      unlimited.map((run) => throughput(run, span)),
    )
  const title = `${server.name}, ${mix.name}`
  return [
    {
      id: 'A9',
      figure: `${title}: tokens ÷ no limit, minutes 3–8`,
      better: 'more',
      values: share(told, LATER),
      target: mix.target,
    },
    {
      id: 'A9',
      figure: `${title}: the same, minutes 1–2`,
      better: 'more',
      values: share(told, FIRST_MINUTES),
      target: 0.5,
    },
    {
      id: 'A9b',
      figure: `${title}, no usage: tokens ÷ no limit`,
      better: 'more',
      values: share(untold, LATER),
      target: 0.99,
    },
  ]
}

function withThoughts(arrivals: readonly Arrival[], { hidden, share }: Mix, seed: number): Arrival[] {
  const random = new Random(seed + 500)
  return arrivals.map((arrival) =>
    random.next() < share ? { ...arrival, output: arrival.output + hidden, hidden } : arrival,
  )
}
