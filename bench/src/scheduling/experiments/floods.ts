import { type Arrival, merge } from '../arrivals/arrival.js'
import { generate, steady } from '../arrivals/generate.js'
import { generatedLengths } from '../arrivals/lengths.js'
import { type Contender, runContender } from '../contenders/contender.js'
import { StaticGate } from '../contenders/gates/static-gate.js'
import { FirstComeLine } from '../contenders/lines/first-come-line.js'
import { autoFair, fairLine, fairPredictor } from '../contenders/sluice.js'
import { type Experiment, ratios, SEEDS } from '../experiment.js'
import { arrivedWithin, firstTokenQuantile, refusedShare } from '../metrics.js'
import { capacityOf, SLOTS_48 } from '../servers.js'
import type { Run } from '../simulation/simulate.js'
import type { SimulatedRequest } from '../simulation/simulated-request.js'

const DURATION_MS = 120_000
const WARM_UP_MS = 30_000
const PATIENCE_MS = 10_000
const PLACES = 100
const FLOODER = 'flooder'
/** The load of the nine well-behaved tenants, as a share of the capacity of the server. */
const BEHAVED_LOAD = 0.6
const FLOOD_LOAD = 4
const LONG_PROMPT = 8_000
const LENGTHS = generatedLengths(
  { median: 500, sigma: 0.8, max: 4_000 },
  { median: 150, sigma: 0.7, max: 1_000 },
)

/** Nine tenants behave, and one sends four times what the server can do. */
export const flood: Experiment = {
  ids: ['F8'],
  title: 'A tenant floods 48 slots with 4 × their capacity; nine others ask for 0.6 ×',
  run: () => {
    const capacity = capacityOf(SLOTS_48, 'flood', LENGTHS)
    const flooding = (seed: number) =>
      generate({ ...traffic(seed + 50), perSecond: FLOOD_LOAD * capacity, tenants: [FLOODER] })
    const { refused, p99 } = measure(flooding)
    return [
      { id: 'F8', figure: 'refused of the others', better: 'less', values: refused.ours, target: 0.003 },
      { id: 'F8', figure: 'refused of the others, first come', better: 'less', values: refused.firstCome },
      { id: 'F8', figure: 'refused of the others, static 256', better: 'less', values: refused.static256 },
      {
        ...{ id: 'F8', figure: 'p99 time to first token of the others ÷ without flood', better: 'less' },
        ...{ values: ratios(p99.ours, p99.alone), target: 3.5 },
      },
      {
        ...{ id: 'F8', figure: 'p99 time to first token of the others ÷ static 256', better: 'less' },
        ...{ values: ratios(p99.ours, p99.static256), target: 0.2 },
      },
    ]
  },
}

/** The same with prompts of 8,000 tokens, which occupy the server for long. */
export const longPromptFlood: Experiment = {
  ids: ['F9'],
  title: 'The same flood with prompts of 8,000 tokens',
  run: () => {
    const capacity = capacityOf(SLOTS_48, 'flood', LENGTHS)
    const lengths = { input: LONG_PROMPT, output: 150 }
    const { refused, p99 } = measure(() => steady(FLOODER, FLOOD_LOAD * capacity, DURATION_MS, lengths))
    return [
      { id: 'F9', figure: 'refused of the others', better: 'less', values: refused.ours, target: 0.06 },
      { id: 'F9', figure: 'refused of the others, first come', better: 'less', values: refused.firstCome },
      { id: 'F9', figure: 'refused of the others, static 256', better: 'less', values: refused.static256 },
      { id: 'F9', figure: 'p99 time to first token of the others, ms', better: 'less', values: p99.ours },
    ]
  },
}

type Names = 'ours' | 'alone' | 'firstCome' | 'static256'

/** Returns the figures of the well-behaved tenants, one per seed. */
function measure(flooding: (seed: number) => Arrival[]): Record<'refused' | 'p99', Record<Names, number[]>> {
  const ours = autoFair({ places: PLACES })
  const firstCome: Contender = { line: () => new FirstComeLine(PLACES), gate: () => new StaticGate(48) }
  const static256: Contender = {
    line: fairLine({ places: PLACES }),
    gate: () => new StaticGate(256),
    predictor: fairPredictor,
  }
  const behaved = (seed: number) => {
    const capacity = capacityOf(SLOTS_48, 'flood', LENGTHS)
    const tenants = Array.from({ length: 9 }, (_, index) => `behaved-${index + 1}`)
    return generate({ ...traffic(seed), perSecond: BEHAVED_LOAD * capacity, tenants, shares: 'equal' })
  }
  const runs = (contender: Contender, arrivals: (seed: number) => Arrival[]) =>
    SEEDS.map((seed) => run(contender, arrivals(seed)))
  const flooded = (seed: number) => merge(behaved(seed), flooding(seed))
  const all: Record<Names, Run[]> = {
    ours: runs(ours, flooded),
    alone: runs(ours, behaved),
    firstCome: runs(firstCome, flooded),
    static256: runs(static256, flooded),
  }
  const each = (figure: (others: SimulatedRequest[]) => number) =>
    Object.fromEntries(
      Object.entries(all).map(([name, list]) => [name, list.map((each) => figure(othersOf(each)))]),
    ) as Record<Names, number[]>
  return { refused: each(refusedShare), p99: each((others) => firstTokenQuantile(others, 0.99)) }
}

function run(contender: Contender, arrivals: readonly Arrival[]): Run {
  return runContender(contender, { arrivals, server: SLOTS_48.figures, patienceMs: PATIENCE_MS })
}

function othersOf({ requests }: Run): SimulatedRequest[] {
  return arrivedWithin(requests, { from: WARM_UP_MS, to: DURATION_MS }).filter(
    ({ tenant }) => tenant !== FLOODER,
  )
}

function traffic(seed: number) {
  return { seed, durationMs: DURATION_MS, lengths: LENGTHS }
}
