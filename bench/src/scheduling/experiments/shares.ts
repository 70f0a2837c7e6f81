import { SERVER_PRESETS } from 'sluice-gateway/replay'
import { merge } from '../arrivals/arrival.js'
import { generate, steady } from '../arrivals/generate.js'
import { generatedLengths } from '../arrivals/lengths.js'
import { type Contender, runContender } from '../contenders/contender.js'
import { VirtualTokenLine } from '../contenders/lines/virtual-token-line.js'
import { autoFair, autoGate } from '../contenders/sluice.js'
import { type Experiment, ratios, SEEDS } from '../experiment.js'
import { accumulatedGap, jain, serviceByTenant, throughput } from '../metrics.js'
import { capacityOf, faster, SLOTS_48 } from '../servers.js'

const TWO_CLIENTS_MS = 600_000
const TWO_CLIENTS_LENGTHS = { input: 256, output: 256 }
const SPEEDS = [0.92, 0.96, 1, 1.04, 1.08] as const

/** Two clients that both ask for more than their half, as in section 5.2 of the OSDI'24 paper. */
export const twoClients: Experiment = {
  ids: ['F6'],
  title: 'Two clients with 1.5 and 3 requests/s of 256 + 256 tokens on the A10G at five speeds',
  run: () => {
    const arrivals = merge(
      steady('a', 1.5, TWO_CLIENTS_MS, TWO_CLIENTS_LENGTHS),
      steady('b', 3, TWO_CLIENTS_MS, TWO_CLIENTS_LENGTHS),
    )
    const measure = (contender: Contender) => {
      const runs = SPEEDS.map((speed) =>
        runContender(contender, {
          arrivals,
          server: faster(SERVER_PRESETS['llama-2-7b-a10g'], speed),
          untilMs: TWO_CLIENTS_MS,
          reportEveryMs: 100,
        }),
      )
      const gaps = runs.map((run) => accumulatedGap(run, 'a', 'b', TWO_CLIENTS_MS))
      return {
        mean: gaps.map((gap) => gap.reduce((sum, each) => sum + each, 0) / gap.length),
        max: gaps.map((gap) => Math.max(...gap)),
        throughput: runs.map((run) => throughput(run, { from: 0, to: TWO_CLIENTS_MS })),
      }
    }
    const ours = measure(autoFair())
    const streamed = measure({ line: () => new VirtualTokenLine(), gate: autoGate() })
    const figure = (key: 'mean' | 'max') => `${key} accumulated gap ÷ VTC as streamed`
    return [
      {
        id: 'F6',
        figure: figure('mean'),
        better: 'less',
        values: ratios(ours.mean, streamed.mean),
        target: 0.2,
      },
      {
        id: 'F6',
        figure: figure('max'),
        better: 'less',
        values: ratios(ours.max, streamed.max),
        target: 0.65,
      },
      {
        ...{ id: 'F6', figure: 'throughput ÷ VTC as streamed', better: 'more' },
        ...{ values: ratios(ours.throughput, streamed.throughput), target: 0.99 },
      },
    ]
  },
}

const WEIGHTS: Readonly<Record<string, number>> = { free: 1, plus: 2, premium: 4 }
const WEIGHTS_MS = 180_000
const WARM_UP_MS = 30_000

/** Tenants that always wait get service in proportion to their weights. */
export const weights: Experiment = {
  ids: ['F7'],
  title: 'Weights 1 : 2 : 4, three tenants that always wait, 48 slots',
  run: () => {
    const lengths = generatedLengths(
      { median: 300, sigma: 0.8, max: 4_000 },
      { median: 150, sigma: 0.7, max: 1_000 },
    )
    const capacity = capacityOf(SLOTS_48, 'weights', lengths)
    const runs = SEEDS.map((seed) => {
      const tenants = Object.keys(WEIGHTS)
      const traffic = { seed, perSecond: 4 * capacity, durationMs: WEIGHTS_MS, lengths, tenants }
      return runContender(autoFair({ weights: WEIGHTS }), {
        arrivals: generate({ ...traffic, shares: 'equal' }),
        server: SLOTS_48.figures,
        untilMs: WEIGHTS_MS,
      })
    })
    const shares = runs.map((run) =>
      [...serviceByTenant(run, { from: WARM_UP_MS, to: WEIGHTS_MS })].map(
        ([tenant, service]) => service / (WEIGHTS[tenant] ?? 1),
      ),
    )
    const deviation = shares.map((values) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      return Math.max(...values.map((value) => Math.abs(value / mean - 1)))
    })
    return [
      {
        id: 'F7',
        figure: 'largest deviation from the share',
        better: 'less',
        values: deviation,
        target: 0.02,
      },
      { id: 'F7', figure: "Jain's index of service ÷ weight", better: 'more', values: shares.map(jain) },
    ]
  },
}
