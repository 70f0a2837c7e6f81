import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StartProxy } from '../gateway/proxies.js'
import { freePorts } from '../harness/ports.js'
import { startRedis } from '../harness/redis-server.js'
import { type ServerProcess, startServer } from '../harness/server-process.js'
import { REQUESTS_PER_MINUTE } from './limits.js'
import { peerProgram } from './peer-programs.js'
import { startGroup } from './server-group.js'

/** Starts Envoy with one worker, and its rate limit service on Redis, without logs or statistics. */
export const envoy: StartProxy = (port, upstream, folder) =>
  startGroup(async (add) => {
    const program = peerProgram('envoy', 'envoy')
    const ratelimit = peerProgram('ratelimit', 'service_cmd')
    const redis = add(await startRedis())
    const service = add(await startService(ratelimit, redis.port, folder))
    const file = join(folder, 'envoy.yaml')
    writeFileSync(file, envoyConfig(port, upstream, service.port))
    const args = ['--config-path', file, '--concurrency', '1', '--log-level', 'error']
    add(await startServer(program, [...args, '--disable-hot-restart'], port))
  })

async function startService(program: string, redis: number, folder: string): Promise<ServerProcess> {
  const [port = 0, grpc = 0, debug = 0] = await freePorts(3)
  mkdirSync(join(folder, 'config'))
  writeFileSync(
    join(folder, 'config/limits.yaml'),
    `domain: model
descriptors: [{ key: client, rate_limit: { unit: minute, requests_per_unit: ${REQUESTS_PER_MINUTE} } }]
`,
  )
  const env = {
    HOST: '127.0.0.1',
    PORT: String(port),
    GRPC_HOST: '127.0.0.1',
    GRPC_PORT: String(grpc),
    DEBUG_HOST: '127.0.0.1',
    DEBUG_PORT: String(debug),
    LOG_LEVEL: 'error',
    USE_STATSD: 'false',
    DISABLE_STATS: 'true',
    RUNTIME_ROOT: folder,
    RUNTIME_WATCH_ROOT: 'false',
    REDIS_SOCKET_TYPE: 'tcp',
    REDIS_URL: `127.0.0.1:${redis}`,
    GOMAXPROCS: '1',
  }
  return startServer(program, [], grpc, { env })
}

function envoyConfig(port: number, upstream: number, service: number): string {
  const types = 'type.googleapis.com/envoy.extensions'
  const cluster = (name: string, to: number, more: string) =>
    `  - { name: ${name}, ${more} load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [
      { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${to} } } } }] }] } }`
  const http2 = `typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {
      '@type': ${types}.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http2_protocol_options: {} } } },`
  return `static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: ${port} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': ${types}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: model
          route_config:
            virtual_hosts:
            - name: model
              domains: ['*']
              routes:
              - match: { prefix: / }
                route:
                  cluster: model
                  timeout: 0s
                  rate_limits: [{ actions: [{ request_headers: { header_name: authorization, descriptor_key: client } }] }]
          http_filters:
          - name: envoy.filters.http.ratelimit
            typed_config:
              '@type': ${types}.filters.http.ratelimit.v3.RateLimit
              domain: model
              timeout: 1s
              failure_mode_deny: true
              rate_limit_service: { transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: limits } } }
          - name: envoy.filters.http.router
            typed_config: { '@type': ${types}.filters.http.router.v3.Router }
  clusters:
${cluster('model', upstream, '')}
${cluster('limits', service, http2)}
`
}
