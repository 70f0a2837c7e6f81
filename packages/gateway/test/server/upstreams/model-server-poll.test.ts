import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { ServerLoad } from 'sluice/internal'
import { describe, expect, it, onTestFinished } from 'vitest'
import { manualTimers } from '../../../../sluice/test/limiter/manual-timers.js'
import { pollServerLoad, type ServerPollOptions } from '../../../src/server/upstreams/model-server-poll.js'
import { until } from '../gateway/running-gateway.js'
import { createAuthority, issue } from '../tls/certificates.js'
import { SGLANG, VLLM } from './metrics-pages.js'

const PAUSE = 1_000
const TIMEOUT = 1_000

describe('the poll of a model server', () => {
  it('reads the load at once, and again one second after each response', async () => {
    const server = await metricsServer(page(VLLM))
    const { outcomes, timers } = startPoll(server.url)
    await outcomes(1)
    timers.advance(PAUSE - 1)
    expect(timers.running).toBe(1)
    server.respond = page(SGLANG)
    timers.advance(1)
    expect(await outcomes(2)).toEqual([
      { waiting: 7, memoryUsed: 0.9375 },
      { waiting: 2826, memoryUsed: 0.28 },
    ])
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /metrics?a=b',
      'GET /metrics?a=b',
    ])
    expect(server.requests[0]?.headers).toMatchObject({
      accept: 'text/plain',
      host: new URL(server.url).host,
    })
    expect(server.opened).toBe(1)
  })

  it('sends the headers that it is given', async () => {
    const server = await metricsServer(page(VLLM))
    const { outcomes } = startPoll(server.url, { headers: [['authorization', 'Bearer s3cret']] })
    await outcomes(1)
    expect(server.requests[0]?.headers.authorization).toBe('Bearer s3cret')
  })

  it('gives up a response after one second, and only then sends the next request', async () => {
    const held: ServerResponse[] = []
    const server = await metricsServer((_, response) => held.push(response))
    const { outcomes, timers } = startPoll(server.url)
    await until(() => held.length === 1)
    timers.advance(TIMEOUT - 1)
    expect(timers.running).toBe(1)
    timers.advance(1)
    expect(await outcomes(1)).toEqual(['no response within 1000 ms'])
    await until(() => !server.open.has(server.requests[0]?.socket as Socket))
    expect(server.requests).toHaveLength(1)
    server.respond = page(VLLM)
    timers.advance(PAUSE)
    expect((await outcomes(2))[1]).toMatchObject({ waiting: 7 })
  })

  it('gives up a page that does not end within one second', async () => {
    const server = await metricsServer((_, response) => void response.write(VLLM))
    const { outcomes, timers } = startPoll(server.url)
    await until(() => server.requests.length === 1)
    timers.advance(TIMEOUT)
    expect(await outcomes(1)).toEqual(['no response within 1000 ms'])
    await until(() => !server.open.has(server.requests[0]?.socket as Socket))
  })

  it('stops reading a page after 4 MiB', async () => {
    let written = 0
    const server = await metricsServer((_, response) => {
      const write = () => {
        while (!response.destroyed && response.write(VLLM)) written += VLLM.length
      }
      response.on('drain', write)
      write()
    })
    const { outcomes } = startPoll(server.url)
    expect(await outcomes(1)).toEqual(['the page is larger than 4 MiB'])
    await until(() => !server.open.has(server.requests[0]?.socket as Socket))
    // The rest are the buffers of both sockets.
    expect(written).toBeLessThan(64 * 1024 * 1024)
  })

  it('reads a page of just 4 MiB', async () => {
    const server = await metricsServer(page(VLLM.padEnd(4 * 1024 * 1024, '#')))
    const { outcomes } = startPoll(server.url)
    expect(await outcomes(1)).toMatchObject([{ waiting: 7 }])
  })

  const lacks =
    'the page has none of vllm:num_requests_waiting, sglang:num_queue_reqs, ' +
    'nv_trt_llm_request_metrics{request_type="waiting"}, trtllm_num_requests_waiting, ' +
    'llamacpp:requests_deferred, tgi_queue_size'

  it.each<[string, RequestListener, string | RegExp]>([
    ['an error', (_, response) => response.writeHead(500).end(VLLM), 'status 500'],
    ['an endless error', (_, response) => response.writeHead(503).write('x'.repeat(200_000)), 'status 503'],
    ['no content', (_, response) => response.writeHead(204).end(), 'status 204'],
    ['another page', page('<html>not found</html>'), lacks],
    ['nothing', page(''), lacks],
    ['bytes that are not text', (_, response) => response.end(Buffer.alloc(1000, 0xff)), lacks],
    ['something that is not HTTP', ({ socket }) => socket.end('garbage\r\n\r\n'), /HTTP/],
    ['a closed connection', ({ socket }) => socket.destroy(), /closed/],
    [
      'a page that breaks off',
      (_, response) =>
        void response.writeHead(200, { 'content-length': 9e5 }).write(VLLM, () => response.destroy()),
      /closed|aborted|terminated/,
    ],
  ])('reports %s, and reads the next page', async (_, respond, reason) => {
    const server = await metricsServer(respond)
    const { outcomes, timers } = startPoll(server.url)
    const [failure] = await outcomes(1)
    expect(failure).toEqual(typeof reason === 'string' ? reason : expect.stringMatching(reason))
    server.respond = page(VLLM)
    timers.advance(PAUSE)
    expect((await outcomes(2))[1]).toMatchObject({ waiting: 7 })
  })

  it('verifies the certificate of the server by the given authority and name', async () => {
    const authority = await createAuthority('Authority')
    const pair = await issue(authority, 'model', 'DNS:model.internal')
    const server = await metricsServer(page(VLLM), createTlsServer(pair))
    const tls = { ca: authority.cert, serverName: 'model.internal' }
    expect(await startPoll(server.url, { tls }).outcomes(1)).toMatchObject([{ waiting: 7 }])
    const other = { ...tls, serverName: 'other.internal' }
    const failure = expect.stringContaining('certificate')
    expect(await startPoll(server.url, { tls: other }).outcomes(1)).toEqual([failure])
    expect(await startPoll(server.url).outcomes(1)).toEqual([failure])
  })

  it('does not follow redirects', async () => {
    const target = await metricsServer(page(VLLM))
    const server = await metricsServer((_, response) =>
      response.writeHead(307, { location: target.url }).end(),
    )
    const { outcomes } = startPoll(server.url)
    expect(await outcomes(1)).toEqual(['status 307; redirects are not followed'])
    expect(target.requests).toHaveLength(0)
  })

  it('reports a server that does not run', async () => {
    const server = await metricsServer(page(VLLM))
    await server.close()
    const { outcomes } = startPoll(server.url)
    expect(await outcomes(1)).toEqual([expect.stringContaining('ECONNREFUSED')])
  })

  it('logs the third failure in a row, and then the next success', async () => {
    const server = await metricsServer(page('out of order'))
    const { outcomes, timers, logged } = startPoll(server.url)
    const poll = async (count: number, respond = server.respond) => {
      server.respond = respond
      for (let index = 0; index < count; index++) {
        const { length } = await outcomes()
        timers.advance(PAUSE)
        await outcomes(length + 1)
      }
      return logged.splice(0)
    }
    await outcomes(1)
    expect(await poll(1)).toEqual([])
    expect(await poll(1, page(VLLM))).toEqual([])
    expect(await poll(2, page('out of order'))).toEqual([])
    const url = server.url.replace('?a=b', '')
    const warning = 'the metrics of a model server cannot be read; ignoring its load'
    expect(await poll(1)).toEqual([['warn', { url, reason: lacks }, warning]])
    expect(await poll(3)).toEqual([])
    expect(await poll(2, page(VLLM))).toEqual([
      ['info', { url }, 'the metrics of a model server can be read again'],
    ])
    expect(await poll(2, page('out of order'))).toEqual([])
    expect(await poll(1)).toHaveLength(1)
    expect((await outcomes()).filter((each) => typeof each === 'string')).toHaveLength(11)
  })

  it.each<[string, RequestListener]>([
    ['during a request', () => {}],
    ['during a response', (_, response) => void response.write(VLLM)],
  ])('leaves neither a timer nor a connection when it is stopped %s', async (_, respond) => {
    const server = await metricsServer(respond)
    const { outcomes, timers, poll } = startPoll(server.url)
    await until(() => server.requests.length === 1)
    await poll.stop()
    await until(() => server.open.size === 0)
    expect(timers.running).toBe(0)
    expect(await outcomes()).toEqual([])
  })

  it('leaves neither a timer nor a connection when it is stopped between requests', async () => {
    const server = await metricsServer(page(VLLM))
    const { outcomes, timers, poll } = startPoll(server.url)
    await outcomes(1)
    await poll.stop()
    await until(() => server.open.size === 0)
    expect(timers.running).toBe(0)
  })

  it('may be stopped by the receiver of a load', async () => {
    const server = await metricsServer(page(VLLM))
    const { outcomes, timers, poll } = startPoll(server.url, { onLoad: () => void poll.stop() })
    await until(() => timers.running === 0)
    expect(await outcomes()).toEqual([])
  })

  it('rejects a URL that is not of a web server', () => {
    expect(() => startPoll('file:///metrics')).toThrow(TypeError)
    expect(() => startPoll('metrics')).toThrow(TypeError)
  })
})

/** Starts a poll, and collects its loads and the reasons of its failures. */
function startPoll(url: string, options: Partial<ServerPollOptions> = {}) {
  const timers = manualTimers()
  const all: (ServerLoad | string)[] = []
  const logged: unknown[][] = []
  const poll = pollServerLoad(url, {
    onLoad: (load) => all.push(load),
    onFailure: (reason) => all.push(reason),
    log: {
      info: (...line) => logged.push(['info', ...line]),
      warn: (...line) => logged.push(['warn', ...line]),
    },
    timers,
    ...options,
  })
  onTestFinished(() => poll.stop())
  /** Waits until there are some outcomes. */
  const outcomes = async (count = 0) => {
    await until(() => all.length >= count)
    return [...all]
  }
  return { poll, timers, logged, outcomes }
}

interface MetricsServer {
  readonly url: string
  readonly requests: readonly IncomingMessage[]
  /** The open connections. */
  readonly open: ReadonlySet<Socket>
  /** Number of connections that were opened. */
  readonly opened: number
  respond: RequestListener
  close(): Promise<void>
}

async function metricsServer(
  respond: RequestListener,
  server: Server = createServer(),
): Promise<MetricsServer> {
  const requests: IncomingMessage[] = []
  const open = new Set<Socket>()
  let opened = 0
  server.on('request', (request, response) => {
    requests.push(request)
    result.respond(request, response)
  })
  server.on('connection', (socket) => {
    opened++
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const result: MetricsServer = {
    url: `${server instanceof TlsServer ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/metrics?a=b`,
    requests,
    open,
    get opened() {
      return opened
    },
    respond,
    async close() {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  onTestFinished(() => result.close())
  return result
}

/** Returns a listener that responds with a page. */
function page(text: string): RequestListener {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text)
  }
}
