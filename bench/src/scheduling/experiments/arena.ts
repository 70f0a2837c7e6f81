import { SERVER_PRESETS } from 'sluice-gateway/replay'
import type { Arrival } from '../arrivals/arrival.js'
import { type Contender, runContender } from '../contenders/contender.js'
import { StaticGate } from '../contenders/gates/static-gate.js'
import { FirstComeLine } from '../contenders/lines/first-come-line.js'
import { LeastAttainedServiceLine } from '../contenders/lines/least-attained-service-line.js'
import { RequestsPerMinuteLine } from '../contenders/lines/requests-per-minute-line.js'
import { RoundRobinLine } from '../contenders/lines/round-robin-line.js'
import { VirtualTokenLine } from '../contenders/lines/virtual-token-line.js'
import { LEAST_ATTAINED_SERVICE_SETTINGS, STATIC_LIMITS } from '../contenders/searches.js'
import { autoFair, autoGate } from '../contenders/sluice.js'
import { CannotMeasure, type Context, type Experiment, type Row, ratios } from '../experiment.js'
import {
  firstTokenQuantile,
  maxMinLevel,
  overallThroughput,
  type ServiceGap,
  serviceGap,
} from '../metrics.js'
import { search } from '../search.js'
import { faster } from '../servers.js'
import type { Run } from '../simulation/simulate.js'

/** There is one trace, so the speed of the server varies instead of the seed. */
const SPEEDS = [0.92, 0.96, 1, 1.04, 1.08] as const
/** Speeds on which parameters are searched, by search seed. */
const SEARCH_SPEEDS: Readonly<Record<number, number>> = { 101: 0.94, 102: 1.06 }

/** Table 2 of the paper: VTC inside the server, on an A10G. */
const PAPER = { max: 368.4, mean: 251.66, variance: 6549, throughput: 779 }

interface Measured {
  readonly runs: readonly Run[]
  readonly gaps: readonly ServiceGap[]
  readonly throughputs: readonly number[]
}

/** The arena trace: fairness between 27 clients on an overloaded server. */
export const arena: Experiment = {
  ids: ['F1', 'F2', 'F3', 'F4', 'F5'],
  title: 'Arena trace, 27 clients, Llama 2 7B on an A10G at five speeds (±8 %)',
  run: (context) => {
    const arrivals = context.traces.arena()
    if (arrivals === undefined) throw new CannotMeasure('arena_real_trace.csv is not in the folder of traces')
    return compare(arrivals, context)
  },
}

function compare(arrivals: readonly Arrival[], context: Context): Row[] {
  const at = (contender: Contender, speed: number) =>
    runContender(contender, {
      arrivals,
      server: faster(SERVER_PRESETS['llama-2-7b-a10g'], speed),
      reportEveryMs: 100,
    })
  const measure = (contender: Contender): Measured => {
    const runs = SPEEDS.map((speed) => at(contender, speed))
    return { runs, gaps: runs.map(serviceGap), throughputs: runs.map(overallThroughput) }
  }
  const searched = <T extends object>(
    name: string,
    settings: readonly T[],
    make: (setting: T) => Contender,
  ) => {
    const report = search(
      name,
      'mean service gap',
      'less',
      settings,
      (setting, seed) => serviceGap(at(make(setting), SEARCH_SPEEDS[seed] ?? 1)).mean,
    )
    context.reportSearch(report)
    return make(report.chosen)
  }
  const unlimited = () => new StaticGate()
  const fcfs = measure({ line: () => new FirstComeLine(), gate: unlimited })
  const ours = measure(autoFair())
  const las = measure(
    searched('least attained service, auto window', LEAST_ATTAINED_SERVICE_SETTINGS, (setting) => ({
      line: () => new LeastAttainedServiceLine(setting),
      gate: autoGate(),
    })),
  )
  const roundRobin = measure({ line: () => new RoundRobinLine(), gate: autoGate() })
  const streamed = measure({ line: () => new VirtualTokenLine(), gate: autoGate() })
  const static64 = measure({ line: () => new VirtualTokenLine(), gate: () => new StaticGate(64) })
  const bestStatic = measure(
    searched(
      'virtual tokens, static limit',
      STATIC_LIMITS.map((limit) => ({ limit })),
      ({ limit }) => ({
        line: () => new VirtualTokenLine(),
        gate: () => new StaticGate(limit),
      }),
    ),
  )
  const rpm5 = measure({ line: () => new RequestsPerMinuteLine(5), gate: unlimited })
  const rpm20 = measure({ line: () => new RequestsPerMinuteLine(20), gate: unlimited })
  const gap = (of: Measured, key: keyof ServiceGap) => of.gaps.map((each) => each[key])
  const against = (
    id: string,
    key: keyof ServiceGap,
    name: string,
    other: Measured,
    target?: number,
  ): Row => ({
    id,
    figure: `${key} service gap ÷ ${name}`,
    better: 'less',
    values: ratios(gap(ours, key), gap(other, key)),
    ...(target !== undefined && { target }),
  })
  const throughputAgainst = (id: string, name: string, other: readonly number[], target?: number): Row => ({
    id,
    figure: `throughput ÷ ${name}`,
    better: 'more',
    values: ratios(ours.throughputs, other),
    ...(target !== undefined && { target }),
  })
  const paper = (key: keyof typeof PAPER) => SPEEDS.map(() => PAPER[key])
  const inPaper = (key: keyof ServiceGap, target: number): Row => ({
    id: 'F2',
    figure: `${key} service gap ÷ VTC in the paper`,
    better: 'less',
    values: ratios(gap(ours, key), paper(key)),
    target,
  })
  return [
    against('F1', 'max', 'first come', fcfs, 0.55),
    against('F1', 'mean', 'first come', fcfs, 0.6),
    against('F1', 'variance', 'first come', fcfs, 0.2),
    throughputAgainst('F1', 'first come', fcfs.throughputs, 0.99),
    inPaper('mean', 1),
    inPaper('variance', 0.8),
    inPaper('max', 1.15),
    throughputAgainst('F2', 'VTC in the paper', paper('throughput'), 0.98),
    against('F3', 'mean', 'least attained service', las, 0.82),
    against('F3', 'variance', 'least attained service', las, 0.4),
    against('F3', 'mean', 'round robin', roundRobin, 0.95),
    against('F3', 'mean', 'VTC, static 64', static64, 0.7),
    against('F3', 'mean', 'VTC as streamed, same window', streamed),
    against('F3', 'mean', 'VTC, best static limit for fairness', bestStatic),
    throughputAgainst('F3', 'VTC, best static limit for fairness', bestStatic.throughputs),
    throughputAgainst('F4', 'RPM(5)', rpm5.throughputs, 2.2),
    throughputAgainst('F4', 'RPM(20)', rpm20.throughputs, 1.1),
    { id: 'F4', figure: 'served requests', better: 'more', values: ours.runs.map(servedShare), target: 1 },
    { id: 'F4', figure: 'served requests, RPM(5)', better: 'more', values: rpm5.runs.map(servedShare) },
    { id: 'F4', figure: 'served requests, RPM(20)', better: 'more', values: rpm20.runs.map(servedShare) },
    {
      id: 'F5',
      figure: 'p99 time to first token of light clients ÷ first come',
      better: 'less',
      values: ratios(ours.runs.map(lightQuantile), fcfs.runs.map(lightQuantile)),
      target: 0.18,
    },
  ]
}

function servedShare({ requests }: Run): number {
  return requests.filter(({ endedAt }) => endedAt !== undefined).length / requests.length
}

/**
 * Returns the 99th percentile of the time to the first token, in milliseconds, of the clients that
 * ask for less than half of their max-min fair share of the service of the run's first 600 seconds.
 */
function lightQuantile({ requests, endedAt }: Run): number {
  const demands = new Map<string, number>()
  for (const { tenant, input, output } of requests)
    demands.set(tenant, (demands.get(tenant) ?? 0) + input + 2 * output)
  const total = [...demands.values()].reduce((sum, demand) => sum + demand, 0)
  const level = maxMinLevel([...demands.values()], (total * 600_000) / endedAt)
  const light = requests.filter(({ tenant }) => (demands.get(tenant) ?? 0) < level / 2)
  return firstTokenQuantile(light, 0.99)
}
