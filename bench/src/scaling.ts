/** In-memory decisions with ten times as many keys. Requires several GiB and takes minutes. */
import type { Bench } from './harness/bench.js'
import { bareMap, sluice } from './memory/deciders.js'
import { decisionTime, longestPause } from './memory/measures.js'

const bench: Bench = {
  title: 'In memory, ten million keys',
  cases: [
    {
      name: 'ten times as many keys',
      unit: 'ns per decision',
      better: 'less',
      rounds: 3,
      contenders: ['sluice', 'bare Map + GCRA'].flatMap((name) =>
        [1_000_000, 10_000_000].map((keys) =>
          decisionTime(
            `${name}, ${keys.toLocaleString('en-US')} keys`,
            name === 'sluice' ? 'ours' : 'floor',
            name === 'sluice' ? () => sluice(undefined, keys) : bareMap,
            keys,
            400_000,
          ),
        ),
      ),
      targets: [{ contender: 'sluice, 10,000,000 keys', against: 'sluice, 1,000,000 keys', atMost: 2 }],
    },
    {
      name: 'longest pause while 10,000,000 keys are inserted',
      unit: 'ms',
      better: 'less',
      rounds: 1,
      warmUp: false,
      contenders: [
        longestPause('sluice', 'ours', () => sluice(undefined, 10_000_000), 10_000_000),
        longestPause('bare Map + GCRA', 'floor', bareMap, 10_000_000),
      ],
      targets: [{ contender: 'sluice', atMost: 20 }],
    },
  ],
}

export default bench
