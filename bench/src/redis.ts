/** Decisions on Redis through the public API: one process, one ioredis client, 1,000 keys. */
import type { Bench, Case, Contender, Target } from './harness/bench.js'
import {
  increment,
  type LimitSize,
  rateLimiterFlexible,
  rateLimiterFlexibleBlocking,
  rateLimitRedis,
  sluice,
} from './redis/admitters.js'
import { decisionCost, decisionLatency, decisionRate } from './redis/measures.js'

const RATE = { unit: 'decisions/s', better: 'more' } as const
const FLOOR = 'one INCR per decision, pipelined'

type Measure = typeof decisionRate

function allContenders(measure: Measure, inFlight: number, limitSize: LimitSize): Contender[] {
  return [
    measure('sluice', 'ours', inFlight, (port) => sluice(port, limitSize)),
    measure('rate-limiter-flexible', 'peer', inFlight, (port) => rateLimiterFlexible(port, limitSize)),
    measure('rate-limit-redis', 'peer', inFlight, (port) => rateLimitRedis(port, limitSize)),
    measure(FLOOR, 'floor', inFlight, increment),
  ]
}

function admittedCase(inFlight: number, ...targets: Target[]): Case {
  return {
    name: `one rule, ${inFlight} in flight`,
    ...RATE,
    contenders: allContenders(decisionRate, inFlight, 'everything allowed'),
    targets,
  }
}

const bench: Bench = {
  title: 'On Redis',
  cases: [
    admittedCase(
      64,
      { contender: 'sluice', against: 'rate-limiter-flexible', atLeast: 1.4 },
      { contender: 'sluice', against: FLOOR, atLeast: 1 },
    ),
    admittedCase(
      512,
      { contender: 'sluice', against: 'rate-limiter-flexible', atLeast: 2.5 },
      { contender: 'sluice', against: FLOOR, atLeast: 2 },
    ),
    {
      name: 'processor time with one rule, 512 in flight',
      unit: 'µs per decision, process and server together',
      better: 'less',
      rounds: 9,
      contenders: allContenders(decisionCost, 512, 'everything allowed'),
    },
    {
      name: 'everything refused, 64 in flight',
      ...RATE,
      contenders: [
        decisionRate('sluice', 'ours', 64, (port) => sluice(port, 'everything refused')),
        decisionRate('sluice without cached refusals', 'ours', 64, (port) =>
          sluice(port, 'everything refused', { rememberRefusals: 0 }),
        ),
        decisionRate('rate-limiter-flexible', 'peer', 64, (port) =>
          rateLimiterFlexible(port, 'everything refused'),
        ),
        decisionRate('rate-limiter-flexible with in-memory blocking', 'peer', 64, (port) =>
          rateLimiterFlexibleBlocking(port, 'everything refused'),
        ),
      ],
      targets: [{ contender: 'sluice', against: 'rate-limiter-flexible', atLeast: 20 }],
    },
    {
      name: 'five rules versus one, sequential requests',
      unit: 'µs per decision',
      better: 'less',
      contenders: [
        decisionLatency('sluice, five rules', 'ours', (port) =>
          sluice(port, 'everything allowed', { rules: 5 }),
        ),
        decisionLatency('sluice, one rule', 'ours', (port) => sluice(port, 'everything allowed')),
      ],
      targets: [{ contender: 'sluice, five rules', against: 'sluice, one rule', atMost: 1.5 }],
    },
    {
      name: 'five rules versus one, 512 in flight',
      unit: 'µs of processor time per decision, process and server together',
      better: 'less',
      rounds: 9,
      contenders: [
        decisionCost('sluice, five rules', 'ours', 512, (port) =>
          sluice(port, 'everything allowed', { rules: 5 }),
        ),
        decisionCost('sluice, one rule', 'ours', 512, (port) => sluice(port, 'everything allowed')),
      ],
      targets: [{ contender: 'sluice, five rules', against: 'sluice, one rule', atMost: 1.5 }],
    },
  ],
}

export default bench
