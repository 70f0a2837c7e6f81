/** What bodies in chunks of one byte do to a gateway with a small heap, and to its other clients. */

import type { Bench } from './harness/bench.js'
import { attacked } from './tiny-chunks/attack.js'

const bench: Bench = {
  title: 'Bodies in tiny chunks',
  cases: [
    {
      name: 'Memory above idle while five bodies of 1 MB come in chunks of a byte, heap of 256 MB',
      unit: 'MiB resident',
      better: 'less',
      rounds: 1,
      warmUp: false,
      contenders: [attacked('sluice serve', ({ memory }) => memory)],
      targets: [{ contender: 'sluice serve', atMost: 64 }],
    },
    {
      name: 'Median latency of other requests meanwhile',
      unit: 'times that without the attack',
      better: 'less',
      rounds: 1,
      warmUp: false,
      contenders: [attacked('sluice serve', ({ slowdown }) => slowdown)],
      targets: [{ contender: 'sluice serve', atMost: 3 }],
    },
  ],
}

export default bench
