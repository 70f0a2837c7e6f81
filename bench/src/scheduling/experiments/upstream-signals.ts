import { quantile } from '../../harness/statistics.js'
import { generate } from '../arrivals/generate.js'
import { type Contender, runContender } from '../contenders/contender.js'
import { StaticGate } from '../contenders/gates/static-gate.js'
import { FirstComeLine } from '../contenders/lines/first-come-line.js'
import { autoFirstCome } from '../contenders/sluice.js'
import { type Experiment, type Row, SEEDS } from '../experiment.js'
import { arrivedWithin, meanGap } from '../metrics.js'
import { capacityOf, SLOTS_48, SLOTS_256 } from '../servers.js'

const DURATION_MS = 120_000
const LOAD = 1.5
const PATIENCE_MS = 1_000
/** Requests that may wait in the server before it refuses more. */
const SERVER_PLACES = 8

/** A server that answers 503 while eight requests wait in it. */
export const refusingServer: Experiment = {
  ids: ['A8'],
  title: 'A server that refuses when 8 requests wait in it, overload',
  run: ({ traces }) =>
    [SLOTS_256, SLOTS_48].flatMap((server) => {
      const lengths = traces.chat()
      const perSecond = LOAD * capacityOf(server, 'chat', lengths)
      const rejected = (contender: Contender) =>
        SEEDS.map((seed) => {
          const arrivals = generate({ seed, perSecond, durationMs: DURATION_MS, lengths })
          const setup = {
            arrivals,
            server: server.figures,
            patienceMs: PATIENCE_MS,
            serverPlaces: SERVER_PLACES,
          }
          const { requests } = runContender(contender, setup)
          return requests.filter(({ rejections }) => rejections > 0).length / requests.length
        })
      const static512: Contender = { line: () => new FirstComeLine(), gate: () => new StaticGate(512) }
      const figure = `${server.name}: refused by the server`
      return [
        { id: 'A8', figure, better: 'less', values: rejected(autoFirstCome()), target: 0.002 },
        { id: 'A8', figure: `${figure}, static 512`, better: 'less', values: rejected(static512) },
      ] satisfies Row[]
    }),
}

const GAP_WARM_UP_MS = 15_000

/** A bound on the time between two tokens, which limits the batch. */
export const gapTarget: Experiment = {
  ids: ['A10'],
  title: 'A target for the time between two tokens, overload, 256 slots',
  run: ({ traces }) => {
    const lengths = traces.chat()
    const perSecond = LOAD * capacityOf(SLOTS_256, 'chat', lengths)
    const p99 = (contender: Contender) =>
      SEEDS.map((seed) => {
        const arrivals = generate({ seed, perSecond, durationMs: DURATION_MS, lengths })
        const run = runContender(contender, { arrivals, server: SLOTS_256.figures, patienceMs: PATIENCE_MS })
        const served = arrivedWithin(run.requests, { from: GAP_WARM_UP_MS, to: DURATION_MS })
        return quantile(served.map(meanGap), 0.99)
      })
    return [60, 80].map((gap) => ({
      ...{ id: 'A10', figure: `p99 of the mean gap ÷ ${gap} ms`, better: 'less' },
      ...{ values: p99(autoFirstCome({ gapMs: gap })).map((value) => value / gap), target: 1.1 },
    })) satisfies Row[]
  },
}
