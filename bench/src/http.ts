/** The cost of a limit in a web server: requests/s with Sluice, with peers and without a limit. */
import type { Bench } from './harness/bench.js'
import { served } from './http/served.js'

const bench: Bench = {
  title: 'Adapters',
  cases: [
    {
      name: 'Fastify, one rule, small JSON',
      unit: 'requests per second of one core',
      better: 'more',
      rounds: 16,
      warmUp: false,
      contenders: [
        served('sluice/fastify', 'ours', 'fastify', 'sluice'),
        served('@fastify/rate-limit', 'peer', 'fastify', 'peer'),
        served('two constant headers', 'floor', 'fastify', 'headers'),
        served('bare Fastify', 'floor', 'fastify', 'bare'),
      ],
      targets: [{ contender: 'sluice/fastify', against: 'bare Fastify', atLeast: 0.95 }],
    },
    {
      name: 'Express, one rule, small JSON',
      unit: 'requests per second of one core',
      better: 'more',
      rounds: 16,
      warmUp: false,
      contenders: [
        served('sluice/express', 'ours', 'express', 'sluice'),
        served('express-rate-limit', 'peer', 'express', 'peer'),
        served('two constant headers', 'floor', 'express', 'headers'),
        served('bare Express', 'floor', 'express', 'bare'),
      ],
      targets: [{ contender: 'sluice/express', against: 'bare Express', atLeast: 0.92 }],
    },
  ],
}

export default bench
