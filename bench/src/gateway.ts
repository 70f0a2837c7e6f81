/** The cost of the gateway compared with a minimal proxy, other proxies on Node, and nginx. */
import { addedLatency, throughput } from './gateway/proxied.js'
import { KEYS, nginx, proxyOf, sluice, sluiceWithEverything } from './gateway/proxies.js'
import type { Bench } from './harness/bench.js'

const bench: Bench = {
  title: 'The gateway',
  cases: [
    {
      name: 'Gateway, one process, one rule, small JSON',
      unit: 'requests per second of one core',
      better: 'more',
      rounds: 15,
      contenders: [
        throughput('sluice serve', 'ours', sluice),
        throughput('http-proxy-3', 'peer', proxyOf('http-proxy-3')),
        throughput('@fastify/http-proxy', 'peer', proxyOf('fastify-http-proxy')),
        throughput('nginx with limit_req', 'peer', nginx),
        throughput('a minimal undici pipe', 'floor', proxyOf('pipe')),
      ],
      targets: [
        { contender: 'sluice serve', against: 'http-proxy-3', atLeast: 2 },
        { contender: 'sluice serve', against: 'a minimal undici pipe', atLeast: 0.9 },
        { contender: 'sluice serve', against: 'nginx with limit_req', atLeast: 0.35 },
      ],
    },
    {
      name: 'Gateway with a keys file of 1,000 clients, two tiers, three rules, metrics and the dashboard',
      unit: 'requests per second of one core',
      better: 'more',
      rounds: 15,
      contenders: [
        throughput('sluice serve, everything on', 'ours', sluiceWithEverything, KEYS),
        throughput('sluice serve, one rule', 'ours', sluice, KEYS),
        throughput('nginx with limit_req', 'peer', nginx, KEYS),
        throughput('a minimal undici pipe', 'floor', proxyOf('pipe'), KEYS),
      ],
      targets: [
        { contender: 'sluice serve, everything on', against: 'a minimal undici pipe', atLeast: 0.85 },
        { contender: 'sluice serve, everything on', against: 'nginx with limit_req', atLeast: 0.45 },
      ],
    },
    {
      name: 'p99 latency added by the proxy at half load',
      unit: 'ms',
      better: 'less',
      rounds: 15,
      contenders: [
        addedLatency('sluice serve', 'ours', sluice),
        addedLatency('http-proxy-3', 'peer', proxyOf('http-proxy-3')),
        addedLatency('a minimal undici pipe', 'floor', proxyOf('pipe')),
      ],
      targets: [{ contender: 'sluice serve', atMost: 1 }],
    },
  ],
}

export default bench
