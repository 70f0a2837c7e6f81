/** Decisions by key on the memory store, through the public API. */
import type { Bench, Case, Contender } from './harness/bench.js'
import {
  bareMap,
  type Decider,
  expressRateLimit,
  FIVE_LIMITS,
  rateLimiterFlexible,
  sluice,
} from './memory/deciders.js'
import { bytesPerKey, decisionTime, newStringTime } from './memory/measures.js'

const NS = 'ns per decision'

type ContenderSpec = readonly [name: string, role: Contender['role'], make: () => Decider]

const contenders = (keys: number): readonly ContenderSpec[] => [
  ['sluice', 'ours', () => sluice(undefined, keys)],
  ['express-rate-limit', 'peer', expressRateLimit],
  ['rate-limiter-flexible', 'peer', rateLimiterFlexible],
  ['bare Map + GCRA', 'floor', bareMap],
]

const speed = (keys: number, decisions: number): Pick<Case, 'unit' | 'better' | 'contenders'> => ({
  unit: NS,
  better: 'less',
  contenders: contenders(keys).map(([name, role, make]) => decisionTime(name, role, make, keys, decisions)),
})

const bench: Bench = {
  title: 'In memory',
  cases: [
    {
      name: '10,000 keys, one rule',
      ...speed(10_000, 400_000),
      rounds: 9,
      targets: [
        { contender: 'sluice', against: 'bare Map + GCRA', atMost: 1.5 },
        { contender: 'sluice', against: 'express-rate-limit', atMost: 1 / 2 },
        { contender: 'sluice', against: 'rate-limiter-flexible', atMost: 1 / 6 },
      ],
    },
    {
      name: '1,000,000 keys, one rule',
      ...speed(1_000_000, 400_000),
      rounds: 5,
      targets: [{ contender: 'sluice', against: 'bare Map + GCRA', atMost: 1 }],
    },
    {
      name: '10,000 keys, one rule, a new string per decision',
      unit: `${NS}, excluding the read of the string`,
      better: 'less',
      rounds: 9,
      contenders: contenders(10_000).map(([name, role, make]) =>
        newStringTime(name, role, make, 10_000, 400_000),
      ),
    },
    {
      name: 'five rules versus one, 10,000 keys',
      unit: NS,
      better: 'less',
      rounds: 9,
      contenders: [
        decisionTime('sluice, five rules', 'ours', () => sluice(FIVE_LIMITS), 10_000, 200_000),
        decisionTime('sluice, one rule', 'ours', () => sluice(), 10_000, 200_000),
      ],
      targets: [{ contender: 'sluice, five rules', against: 'sluice, one rule', atMost: 3 }],
    },
    {
      name: 'memory at 1,000,000 keys',
      unit: 'bytes per key, excluding its string',
      better: 'less',
      rounds: 1,
      contenders: contenders(1_000_000).map(([name, role, make]) => bytesPerKey(name, role, make, 1_000_000)),
      targets: [{ contender: 'sluice', atMost: 40 }],
    },
  ],
}

export default bench
