/** The effect of bodies in chunks of one byte on a gateway with a small heap and on its clients. */

import type { Bench } from './harness/bench.js'
import { attacked, memoryAboveIdle, slowdown } from './tiny-chunks/attack.js'

const [ONE, TWO] = ['sluice serve', 'sluice serve, workers: 2']

const bench: Bench = {
  title: 'Bodies in tiny chunks',
  cases: [
    {
      name: 'Memory above idle while five bodies of 1 MB come in chunks of a byte, heap of 256 MB',
      unit: 'MiB resident, all processes',
      better: 'less',
      rounds: 1,
      warmUp: false,
      contenders: [attacked(ONE, 1, memoryAboveIdle), attacked(TWO, 2, memoryAboveIdle)],
      targets: [
        { contender: ONE, atMost: 64 },
        { contender: TWO, atMost: 64 },
      ],
    },
    {
      name: 'Median latency of other requests meanwhile',
      unit: 'times that without the attack',
      better: 'less',
      rounds: 1,
      warmUp: false,
      contenders: [attacked(ONE, 1, slowdown), attacked(TWO, 2, slowdown)],
      targets: [
        { contender: ONE, atMost: 3 },
        { contender: TWO, atMost: 3 },
      ],
    },
  ],
}

export default bench
