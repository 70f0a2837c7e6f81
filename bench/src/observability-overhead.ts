/** The overhead of metrics, events, the refusal log and the dashboard in the gateway. */
import { throughput } from './gateway/proxied.js'
import { sluiceWith } from './gateway/proxies.js'
import type { Bench, Case } from './harness/bench.js'

const UNOBSERVED = { admin: 'off', log: '{ refusals: false }' }

function overheadCase(name: string, limits: string): Case {
  return {
    name,
    unit: 'requests per second of one core',
    better: 'more',
    rounds: 21,
    contenders: [
      throughput('observability on', 'ours', sluiceWith({ limits })),
      throughput('observability off', 'floor', sluiceWith({ limits, ...UNOBSERVED })),
    ],
    targets: [{ contender: 'observability on', against: 'observability off', atLeast: 0.95 }],
  }
}

const bench: Bench = {
  title: 'Metrics, events and the dashboard',
  cases: [
    overheadCase('Gateway, one rule', '[1000000/second]'),
    overheadCase(
      'Gateway, three rules',
      '[1000000/second, { limit: 1000000/second, of: units, cost: 10 }, { concurrent: 1000 }]',
    ),
  ],
}

export default bench
