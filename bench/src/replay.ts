/** Time and memory of a replay. Each replay runs in a new process, as with `sluice replay`. */
import type { Bench } from './harness/bench.js'
import { MEBIBYTES, REQUESTS_PER_SECOND, replayed, SECONDS } from './replay/measures.js'

const MILLION = 1_000_000

const bench: Bench = {
  title: 'Replay',
  cases: [
    {
      name: 'duration for 1,000,000 requests of 100,000 clients, three rules',
      unit: 's',
      better: 'less',
      rounds: 5,
      warmUp: false,
      contenders: [replayed('sluice', MILLION, SECONDS)],
      targets: [{ contender: 'sluice', atMost: 5 }],
    },
    {
      name: 'throughput of the same replay',
      unit: 'requests/s',
      better: 'more',
      rounds: 5,
      warmUp: false,
      contenders: [replayed('sluice', MILLION, REQUESTS_PER_SECOND)],
    },
    {
      name: "peak resident memory with Node's default options",
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
