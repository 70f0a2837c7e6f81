import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { clientAddressReader } from 'sluice/http'
import { onTestFinished } from 'vitest'
import { parseTarget } from '../../../src/policy/routing/target.js'
import { sendResponse } from '../../../src/server/http/send-response.js'
import { type ForwardOptions, forward } from '../../../src/server/proxy/forward.js'
import type { ForwardResult } from '../../../src/server/proxy/forward-result.js'
import { createUpstream, type UpstreamTimeouts } from '../../../src/server/upstreams/upstream.js'
import { Arrivals } from './arrivals.js'

/** A server that forwards all requests and records the results. It stops after the test. */
export interface GatewayUnderTest {
  readonly port: number
  /** The exchanges, in the order of their requests. */
  readonly exchanges: Arrivals<ExchangeUnderTest>
  /** Returns the result of the next request, in the order of arrival. */
  outcome(): Promise<ForwardResult>
}

interface ExchangeUnderTest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly outcome: Promise<ForwardResult>
}

type Options = Partial<Omit<ForwardOptions, 'upstream' | 'request' | 'response' | 'target'>> & {
  readonly timeouts?: Partial<UpstreamTimeouts>
}

/**
 * Starts a server that forwards all requests to an upstream.
 *
 * @param url the URL of the upstream
 */
export async function gatewayTo(url: string, options: Options = {}): Promise<GatewayUnderTest> {
  const { timeouts, ...rest } = options
  const upstream = createUpstream(url, { connect: 10_000, headers: 0, idle: 0, ...timeouts })
  const exchanges = new Arrivals<ExchangeUnderTest>()
  const server = createServer(async (request, response) => {
    const options: ForwardOptions = {
      peerAddress: request.socket.remoteAddress ?? '',
      peerTrusted: false,
      addresses: clientAddressReader(),
      gatewayName: 'gateway-under-test',
      requestId: { id: 'request-under-test', inVendorHeader: false },
      responseHeaders: [],
      ...rest,
      upstream,
      request,
      response,
      target: parseTarget(request.url ?? ''),
    }
    const outcome = new Promise<ForwardResult>((settled) => forward(options, settled))
    exchanges.add({ request, response, outcome })
    const result = await outcome
    if (result.kind !== 'failed') return
    sendResponse(request, response, { status: result.status, headers: [], body: result.detail })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await upstream.destroy()
  })
  return {
    port: (server.address() as AddressInfo).port,
    exchanges,
    outcome: async () => (await exchanges.next()).outcome,
  }
}
