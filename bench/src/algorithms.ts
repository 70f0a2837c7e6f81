/** Every algorithm and feature with the memory store, compared with a plain decision and peers. */
import type { Bench, Case, Contender } from './harness/bench.js'
import {
  bareMap,
  type Decider,
  everyFeature,
  expressRateLimit,
  rateLimiterFlexible,
  ruleOf,
  sluiceWith,
} from './memory/deciders.js'
import { allocatedBytes, decisionTime } from './memory/measures.js'

const NS = 'ns per decision'
const FLOOR = 'bare Map + GCRA'
const ALGORITHMS = ['token-bucket', 'fixed-window', 'sliding-window', 'sliding-log'] as const

type ContenderSpec = readonly [name: string, role: Contender['role'], make: () => Decider]

const algorithmSpecs = (keys: number): readonly ContenderSpec[] =>
  ALGORITHMS.map((algorithm) => [
    algorithm,
    'ours',
    () => sluiceWith({ rules: [ruleOf(algorithm)] }, undefined, keys),
  ])

const plain: ContenderSpec = ['plain decision', 'ours', () => sluiceWith({ rules: [ruleOf('token-bucket')] })]

const timedContenders = (specs: readonly ContenderSpec[], keys: number, decisions: number) =>
  specs.map(([name, role, make]) => decisionTime(name, role, make, keys, decisions))

const ratioTarget = (
  contender: string,
  against: string,
  atMost: number,
): NonNullable<Case['targets']>[number] => ({
  contender,
  against,
  atMost,
})

const bench: Bench = {
  title: 'Every algorithm and feature in memory',
  cases: [
    {
      name: '10,000 keys, each algorithm',
      unit: NS,
      better: 'less',
      rounds: 9,
      contenders: timedContenders(
        [
          ...algorithmSpecs(10_000),
          ['express-rate-limit', 'peer', expressRateLimit],
          ['rate-limiter-flexible', 'peer', rateLimiterFlexible],
          [FLOOR, 'floor', bareMap],
        ],
        10_000,
        200_000,
      ),
      targets: [
        ...ALGORITHMS.slice(0, 3).flatMap((algorithm) => [
          ratioTarget(algorithm, FLOOR, 1.5),
          ratioTarget(algorithm, 'express-rate-limit', 0.9),
        ]),
        ratioTarget('sliding-log', FLOOR, 4),
      ],
    },
    {
      name: '1,000,000 keys, each algorithm',
      unit: NS,
      better: 'less',
      rounds: 5,
      contenders: timedContenders(
        [...algorithmSpecs(1_000_000), [FLOOR, 'floor', bareMap]],
        1_000_000,
        400_000,
      ),
      targets: ALGORITHMS.map((algorithm) => ratioTarget(algorithm, FLOOR, 1.1)),
    },
    {
      name: 'permits, 10,000 keys',
      unit: NS,
      better: 'less',
      rounds: 9,
      contenders: timedContenders(
        [
          plain,
          [
            'release without slots',
            'ours',
            () => sluiceWith({ rules: [ruleOf('token-bucket')] }, (permit) => permit.release()),
          ],
          [
            'reserve and settle tokens',
            'ours',
            () =>
              sluiceWith({ rules: [{ limit: '3000000/10d', of: 'tokens', cost: () => 100 }] }, (permit) =>
                permit.settle({ tokens: 37 }),
              ),
          ],
          [
            'take and release a slot',
            'ours',
            () => sluiceWith({ rules: [{ concurrent: 4 }] }, (permit) => permit.release()),
          ],
          [FLOOR, 'floor', bareMap],
        ],
        10_000,
        200_000,
      ),
      targets: [
        ratioTarget('release without slots', 'plain decision', 1.3),
        ratioTarget('reserve and settle tokens', 'plain decision', 2.5),
        ratioTarget('take and release a slot', FLOOR, 4),
      ],
    },
    {
      name: 'client lookup, tiers, a listener and a shadow rule, 10,000 keys',
      unit: NS,
      better: 'less',
      rounds: 9,
      contenders: timedContenders(
        [plain, ['every feature', 'ours', () => sluiceWith(everyFeature())]],
        10_000,
        200_000,
      ),
      targets: [ratioTarget('every feature', 'plain decision', 2)],
    },
    {
      name: 'bytes allocated per decision, 10,000 keys',
      unit: 'bytes per decision',
      better: 'less',
      rounds: 3,
      contenders: [plain, ['every feature', 'ours', () => sluiceWith(everyFeature())] as const].map(
        ([name, role, make]) => allocatedBytes(name, role, make, 10_000),
      ),
      targets: [{ contender: 'every feature', atMost: 100 }],
    },
  ],
}

export default bench
