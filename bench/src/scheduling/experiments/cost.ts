import { FairShare, HandOverWindow, type Waiting } from 'sluice/internal'
import { type Experiment, SEEDS } from '../experiment.js'

const WAITING = 1_000
const TENANTS = 100
const DISPATCHES = 200_000
const REPORTS = 1_000_000
const COUNTS = { input: 1, output: 2 }

/** The processor time of the parts that run for every request or report. */
export const cost: Experiment = {
  ids: ['P1'],
  title:
    'Processor time of a fair line with 1,000 waiting requests of 100 tenants, and of a report of progress',
  run: () => [
    {
      ...{ id: 'P1', figure: 'dispatch, and another request in its place, µs', better: 'less' },
      ...{ values: SEEDS.map(() => microseconds(DISPATCHES, dispatches())), target: 2 },
    },
    {
      ...{ id: 'P1', figure: 'report of output to the line and the window, µs', better: 'less' },
      ...{ values: SEEDS.map(() => microseconds(REPORTS, reports())), target: 0.2 },
    },
  ],
}

function microseconds(times: number, run: (times: number) => void): number {
  run(times)
  const startedAt = performance.now()
  run(times)
  return (1_000 * (performance.now() - startedAt)) / times
}

function dispatches(): (times: number) => void {
  const line = new FairShare<Waiting>(() => 0)
  let ticket = 0
  const arrive = () => {
    const number = ticket++
    const work = { input: 100 + (number % 7), output: 50 + (number % 11) }
    const share = { tenant: `tenant ${number % TENANTS}`, weight: 1, work, counts: COUNTS }
    line.push({ ticket: number, waiter: undefined, share })
  }
  while (line.length < WAITING) arrive()
  return (times) => {
    for (let time = 0; time < times; time++) {
      const first = line.first as Waiting
      const service = line.begin(first.share as NonNullable<Waiting['share']>)
      line.remove(first)
      service.served({ output: 60 })
      service.end()
      arrive()
    }
  }
}

function reports(): (times: number) => void {
  const line = new FairShare<Waiting>(() => 0)
  const work = { input: 100, output: 10 }
  const service = line.begin({ tenant: 'one', weight: 1, work, counts: COUNTS })
  const window = new HandOverWindow({ max: 1_024, replicas: 1 })
  const sent = window.sent(0, 100, true)
  window.began(sent, 1)
  let output = 1
  return (times) => {
    for (let time = 0; time < times; time++) {
      output += 32
      service.wrote(output)
      window.wrote(sent, output, output)
    }
  }
}
