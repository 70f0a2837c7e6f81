// Tests the release of slots for responses without a body, HTTP/2 and upgraded connections, and
// cookies in HTTP/2.

import { once } from 'node:events'
import {
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingMessage,
  ServerResponse,
} from 'node:http'
import { type ClientHttp2Session, connect, constants, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import Router from '@koa/router'
import express from 'express'
import express4 from 'express4'
import Fastify, { type FastifyInstance } from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import { limit as limitExpress } from '../../src/adapters/express.js'
import { limit as limitFastify } from '../../src/adapters/fastify.js'
import { limit as limitFetch } from '../../src/adapters/fetch.js'
import { limit as limitHono } from '../../src/adapters/hono.js'
import { limit as limitKoa } from '../../src/adapters/koa.js'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { LimiterEvent } from '../../src/limiter/event.js'

type Options = HttpLimitOptions<object>
/**
 * Creates the server of an app that responds to `/204`, `/304` and `/text`, and to `/stream` with an
 * endless body.
 */
type MakeServer = (options: Options, protocol: 'http1' | 'http2') => Promise<Server>

const STATUSES = [204, 304]

function serverOf(listener: unknown, protocol: 'http1' | 'http2'): Server {
  const server =
    protocol === 'http1' ? createHttpServer(listener as never) : createHttp2Server(listener as never)
  return server.listen(0, '127.0.0.1')
}

function endless(): PassThrough {
  const stream = new PassThrough()
  stream.write('begun')
  return stream
}

function expressServer(make: typeof express): MakeServer {
  return async (options, protocol) => {
    const app = make()
    app.use(limitExpress(options))
    for (const status of STATUSES)
      app.get(`/${status}`, (_request, response) => {
        response.status(status).end()
      })
    app.get('/text', (_request, response) => {
      response.send('text')
    })
    app.get('/stream', (_request, response) => {
      endless().pipe(response)
    })
    return serverOf(app, protocol)
  }
}

const fastifyServer: MakeServer = async (options, protocol) => {
  // The type of an app depends on its protocol.
  const app = (protocol === 'http2' ? Fastify({ http2: true }) : Fastify()) as unknown as FastifyInstance
  app.addHook('onRequest', limitFastify(options))
  for (const status of STATUSES) app.get(`/${status}`, (_request, reply) => reply.code(status).send())
  app.get('/text', async () => 'text')
  app.get('/stream', (_request, reply) => reply.send(endless()))
  await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => app.close())
  return app.server
}

const koaServer: MakeServer = async (options, protocol) => {
  const app = new Koa()
  app.silent = true
  const router = new Router()
  router.use(limitKoa(options))
  for (const status of STATUSES)
    router.get(`/${status}`, (context) => {
      context.status = status
    })
  router.get('/text', (context) => {
    context.body = 'text'
  })
  router.get('/stream', (context) => {
    context.body = endless()
  })
  app.use(router.routes())
  return serverOf(app.callback(), protocol)
}

function webResponse(path: string): Response {
  if (path === '/text') return new Response('text')
  if (path === '/stream') return new Response(Duplex.toWeb(endless()).readable as ReadableStream)
  return new Response(null, { status: Number(path.slice(1)) })
}

const honoServer: MakeServer = async (options, protocol) => {
  const app = new Hono()
  app.use(limitHono(options))
  app.get('*', ({ req }) => webResponse(req.path))
  return serverOf(getRequestListener(app.fetch), protocol)
}

const fetchServer: MakeServer = async (options, protocol) => {
  const handler = limitFetch<[unknown]>(options)((request) => webResponse(new URL(request.url).pathname))
  return serverOf(getRequestListener(handler), protocol)
}

/** Starts a server and counts the slots that are taken and freed. */
async function startServer(make: MakeServer, protocol: 'http1' | 'http2') {
  const slots = { taken: 0, freed: 0 }
  const server = await make(
    {
      rules: [{ concurrent: 3, by: 'everyone' }],
      listener: ({ type }: LimiterEvent) => {
        if (type === 'allowed') slots.taken++
        if (type === 'released') slots.freed++
      },
    },
    protocol,
  )
  if (!server.listening) await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  return { slots, server, port: (server.address() as AddressInfo).port }
}

const ON_HTTP2: readonly (readonly [name: string, make: MakeServer])[] = [
  ['Fastify', fastifyServer],
  ['Koa', koaServer],
  ['Hono', honoServer],
  ['fetch', fetchServer],
]
const ON_HTTP1 = [
  ['Express 4', expressServer(express4)] as const,
  ['Express 5', expressServer(express)] as const,
  ...ON_HTTP2,
]

describe.each(ON_HTTP1)('slots of %s over HTTP/1.1', (_name, make) => {
  it.each([
    ['GET', '/204', 204],
    ['GET', '/304', 304],
    ['HEAD', '/text', 200],
  ])('are released after the response to %s %s, which has no body', async (method, path, status) => {
    const { slots, port } = await startServer(make, 'http1')
    for (let count = 1; count <= 4; count++) {
      const request = httpRequest({ host: '127.0.0.1', port, path, method, agent: false }).end()
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      response.resume()
      expect(response.statusCode).toBe(status)
      await expect.poll(() => slots).toEqual({ taken: count, freed: count })
    }
  })
})

describe.each([
  ['Express 4', express4],
  ['Express 5', express],
])('the slot of an upgraded connection on %s', (_name, make) => {
  it('is held until the connection closes', async () => {
    const slots = { taken: 0, freed: 0 }
    const app = make()
    const listener = ({ type }: LimiterEvent) => {
      if (type === 'allowed') slots.taken++
      if (type === 'released') slots.freed++
    }
    app.use(limitExpress({ rules: [{ concurrent: 1, by: 'everyone' }], listener }))
    app.get('/socket', ({ socket }) => {
      socket.on('end', () => socket.end()).resume()
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    })
    const server = serverOf(undefined, 'http1')
    // WebSocket libraries pass upgrades to an app in this way.
    server.on('upgrade', (request: IncomingMessage) =>
      app(request as never, new ServerResponse(request) as never),
    )
    await once(server, 'listening')
    onTestFinished(() => {
      server.close()
    })
    const { port } = server.address() as AddressInfo
    for (let count = 1; count <= 3; count++) {
      const headers = { connection: 'Upgrade', upgrade: 'echo' }
      const request = httpRequest({ host: '127.0.0.1', port, path: '/socket', headers, agent: false }).end()
      const [, socket] = await once(request, 'upgrade')
      expect(slots).toEqual({ taken: count, freed: count - 1 })
      socket.destroy()
      await expect.poll(() => slots.freed).toBe(count)
    }
  })
})

function clientOf(port: number): ClientHttp2Session {
  const client = connect(`http://127.0.0.1:${port}`).on('error', () => {})
  onTestFinished(() => client.destroy())
  return client
}

describe.each(ON_HTTP2)('slots of %s over HTTP/2', (_name, make) => {
  it('are released after each response on a connection that stays open', async () => {
    const { slots, port } = await startServer(make, 'http2')
    const client = clientOf(port)
    const requests = [
      ['GET', '/204', 204],
      ['GET', '/304', 304],
      ['HEAD', '/text', 200],
      ['GET', '/text', 200],
    ] as const
    for (const [index, [method, path, status]] of requests.entries()) {
      const stream = client.request({ ':method': method, ':path': path })
      const [headers] = await once(stream, 'response')
      stream.resume()
      expect(headers[':status']).toBe(status)
      await expect.poll(() => slots).toEqual({ taken: index + 1, freed: index + 1 })
    }
  })

  it('are released when a stream is reset, but not those of other streams on the connection', async () => {
    const { slots, port } = await startServer(make, 'http2')
    const client = clientOf(port)
    const streams = await Promise.all(
      [1, 2, 3].map(async () => {
        const stream = client.request({ ':path': '/stream' }).on('error', () => {})
        await once(stream, 'data')
        return stream
      }),
    )
    expect(slots).toEqual({ taken: 3, freed: 0 })
    streams[0]?.close(constants.NGHTTP2_CANCEL)
    await expect.poll(() => slots.freed).toBe(1)
    const [headers] = await once(client.request({ ':path': '/text' }), 'response')
    expect(headers[':status']).toBe(200)
    await expect.poll(() => slots).toEqual({ taken: 4, freed: 2 })
  })

  it('are released when the connection closes', async () => {
    const { slots, port } = await startServer(make, 'http2')
    const client = clientOf(port)
    for (let stream = 0; stream < 3; stream++)
      await once(
        client.request({ ':path': '/stream' }).on('error', () => {}),
        'data',
      )
    expect(slots).toEqual({ taken: 3, freed: 0 })
    client.destroy()
    await expect.poll(() => slots.freed).toBe(3)
  })
})

describe.each(ON_HTTP2)('a rule by cookie in %s over HTTP/2', (_name, make) => {
  it('reads each of several Cookie headers', async () => {
    const server = await make({ rules: [{ limit: '1/minute', by: 'cookie:session' }] }, 'http2')
    if (!server.listening) await once(server, 'listening')
    onTestFinished(() => {
      server.close()
    })
    const client = clientOf((server.address() as AddressInfo).port)
    const status = async (...cookie: string[]) => {
      const stream = client.request({ ':path': '/text', cookie })
      const [headers] = await once(stream, 'response')
      stream.resume()
      return headers[':status']
    }
    expect(await status('theme=dark', 'session=a')).toBe(200)
    expect(await status('session=a', 'theme=dark')).toBe(429)
    expect(await status('theme=dark', 'session=b')).toBe(200)
    expect(await status('session=b', 'session=c')).toBe(400)
  })
})
