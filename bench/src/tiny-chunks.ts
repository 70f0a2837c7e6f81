/** The effect of bodies in one-byte chunks on a gateway with a small heap and on its clients. */

import type { Bench, Case } from './harness/bench.js'
import { attacked, memoryAboveIdle, slowdown } from './tiny-chunks/attack.js'

const [ONE, TWO] = ['one process', 'two workers'] as const

/** Creates a case that measures one process and two workers against the same bound. */
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
      'Memory above idle while five 1 MB bodies arrive in one-byte chunks (256 MB heap)',
      'MiB resident, all processes',
      memoryAboveIdle,
      64,
    ),
    attackCase(
      'Median latency of other clients during the attack',
      'ratio to the latency without the attack',
      slowdown,
      3,
    ),
  ],
}

export default bench
