/** The effect of bodies in chunks of one byte on a gateway with a small heap and on its clients. */

import type { Bench, Case } from './harness/bench.js'
import { attacked, memoryAboveIdle, slowdown } from './tiny-chunks/attack.js'

const [ONE, TWO] = ['sluice serve', 'sluice serve, workers: 2'] as const

/** A case that measures one process and two workers against the same bound. */
function attackCase(name: string, unit: string, measure: typeof slowdown, atMost: number): Case {
  return {
    name,
    unit,
    better: 'less',
    rounds: 1,
    warmUp: false,
    contenders: [attacked(ONE, 1, measure), attacked(TWO, 2, measure)],
    targets: [ONE, TWO].map((contender) => ({ contender, atMost })),
  }
}

const bench: Bench = {
  title: 'Bodies in tiny chunks',
  cases: [
    attackCase(
      'Memory above idle while five bodies of 1 MB come in chunks of a byte, heap of 256 MB',
      'MiB resident, all processes',
      memoryAboveIdle,
      64,
    ),
    attackCase('Median latency of other requests meanwhile', 'times that without the attack', slowdown, 3),
  ],
}

export default bench
