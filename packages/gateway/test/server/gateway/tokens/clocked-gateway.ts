import { type Clock, memoryStore } from 'sluice'
import { clientAddressReader } from 'sluice/http'
import { onTestFinished } from 'vitest'
import { parseConfig } from '../../../../src/policy/config/load-config.js'
import { ResponseMemory } from '../../../../src/policy/llm/response/response-memory.js'
import { createPolicies } from '../../../../src/policy/policies.js'
import { WarmUps } from '../../../../src/policy/warm-ups.js'
import { BodyMemory } from '../../../../src/server/http/body-memory.js'
import { startProxy } from '../../../../src/server/proxy/proxy-server.js'
import { createUpstream } from '../../../../src/server/proxy/upstream.js'
import { UseCount } from '../../../../src/server/proxy/use-count.js'

/** A gateway without its files and signals, whose limits go by a clock of the test's. It ends with the test. */
export async function clockedGateway(
  text: string,
  upstreamUrl: string,
  clock: Clock,
): Promise<{ port: number }> {
  const config = parseConfig(`listen: 127.0.0.1:0\nupstream: ${upstreamUrl}\n${text}`, 'test.yaml')
  const upstream = createUpstream(config.upstream, config.timeouts)
  const setup = {
    admission: createPolicies(config, { store: memoryStore({ clock }), warmUps: new WarmUps(undefined) }),
    gatewayName: 'sluice-test',
    addresses: clientAddressReader({}),
    clients: { clientOf: () => undefined, withheld: () => undefined, stop: () => {}, keysText: undefined },
    upstream,
    upstreamUse: new UseCount(),
    bodies: new BodyMemory(2 ** 30),
    answers: new ResponseMemory(1 << 30),
    bodyStart: config.timeouts.bodyStart,
    retriesPost: config.retriesPost,
    traffic: {
      ...{
        onRequestEnd: () => {},
        onInFlightChange: () => {},
        onWaitingChange: () => {},
        onUpstreamResponse: () => {},
      },
      onUnreadableResponse: (_route: string, reason: string) => {
        throw new Error(reason)
      },
    },
  }
  const proxy = await startProxy({
    endpoint: config.listen,
    requestTimeout: config.timeouts.request,
    maxConnections: 1000,
    setup: () => setup,
    trouble: {
      upstreamFailed: (_route, outcome) => {
        throw new Error(outcome.detail)
      },
      crashed: (error) => {
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
