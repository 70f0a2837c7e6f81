/** Time and memory of a replay, each in its own process, as with `sluice replay`. */
import type { Bench } from './harness/bench.js'
import { MEBIBYTES, REQUESTS_PER_SECOND, replayed, SECONDS } from './replay/measures.js'

const MILLION = 1_000_000

const bench: Bench = {
  title: 'Replay',
  cases: [
    {
      name: '1,000,000 requests of 100,000 clients, three rules: how long it takes',
      unit: 's',
      better: 'less',
      rounds: 5,
      warmUp: false,
      contenders: [replayed('sluice', MILLION, SECONDS)],
      targets: [{ contender: 'sluice', atMost: 5 }],
    },
    {
      name: 'the same: how many requests a second',
      unit: 'requests/s',
      better: 'more',
      rounds: 5,
      warmUp: false,
      contenders: [replayed('sluice', MILLION, REQUESTS_PER_SECOND)],
    },
    {
      name: 'the most memory that the process has at a time, as Node is started without any option',
      unit: 'MiB',
      better: 'less',
      rounds: 5,
      warmUp: false,
      contenders: [
        replayed('1,000,000 requests', MILLION, MEBIBYTES),
        replayed('2,000,000 requests', 2 * MILLION, MEBIBYTES),
      ],
      targets: [
        { contender: '1,000,000 requests', atMost: 500 },
        { contender: '2,000,000 requests', against: '1,000,000 requests', atMost: 1.15 },
      ],
    },
  ],
}

export default bench
