import { type Clock, memoryStore } from 'sluice'
import { clientAddressReader } from 'sluice/http'
import { onTestFinished } from 'vitest'
import { parseConfig } from '../../../../src/policy/config/load-config.js'
import { OutputPredictor } from '../../../../src/policy/llm/prediction/output-predictor.js'
import { ResponseMemory } from '../../../../src/policy/llm/response/response-memory.js'
import { createPolicies } from '../../../../src/policy/policies.js'
import { WarmUps } from '../../../../src/policy/warm-ups.js'
import { BodyMemory } from '../../../../src/server/http/body-memory.js'
import { UpstreamGrants } from '../../../../src/server/http/cross-origin.js'
import { startProxy } from '../../../../src/server/proxy/proxy-server.js'
import { RefCount } from '../../../../src/server/proxy/ref-count.js'
import { createUpstream } from '../../../../src/server/upstreams/upstream.js'

/**
 * Starts a gateway that reads no files, handles no signals and uses the test's clock for its
 * limits. It stops after the test.
 */
export async function clockedGateway(
  text: string,
  upstreamUrl: string,
  clock: Clock,
): Promise<{ port: number }> {
  const config = parseConfig(`listen: 127.0.0.1:0\nupstream: ${upstreamUrl}\n${text}`, 'test.yaml')
  const upstream = createUpstream(config.upstream, config.timeouts)
  const services = {
    policies: createPolicies(config, { store: memoryStore({ clock }), warmUps: new WarmUps(undefined) }),
    access: undefined,
    gatewayName: 'sluice-test',
    addresses: clientAddressReader({}),
    clients: {
      clientOf: () => undefined,
      withheld: () => undefined,
      keysFile: undefined,
      limitsFor: () => [],
      refreshKeys: async () => {},
      stop: () => {},
    },
    upstream,
    upstreamUsers: new RefCount(),
    bodyMemory: new BodyMemory(2 ** 30),
    responseMemory: new ResponseMemory(1 << 30),
    predictor: new OutputPredictor(clock.now),
    bodyStartTimeoutMs: config.timeouts.bodyStart,
    retriesPost: config.retriesPost,
    cors: undefined,
    corsGrants: new UpstreamGrants(),
    traffic: {
      ...{
        onRequestEnd: () => {},
        onInFlightChange: () => {},
        onWaitingChange: () => {},
        onUpstreamResponse: () => {},
        onStreamExhausted: () => {},
      },
      onUnreadableResponse: (_route: string, reason: string) => {
        throw new Error(reason)
      },
    },
  }
  const proxy = await startProxy({
    endpoint: config.listen,
    requestTimeoutMs: config.timeouts.request,
    maxConnections: 1000,
    services: () => services,
    errors: {
      upstreamFailed: (_route, outcome) => {
        throw new Error(outcome.detail)
      },
      unexpectedError: (error) => {
        throw error
      },
      expressionFailed: () => {},
    },
  })
  onTestFinished(async () => {
    await proxy.close(0)
    await upstream.destroy()
  })
  return { port: proxy.address.port }
}
