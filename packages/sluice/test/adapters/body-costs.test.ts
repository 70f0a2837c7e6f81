import { once } from 'node:events'
import { connect } from 'node:net'
import { json } from 'node:stream/consumers'
import { getRequestListener } from '@hono/node-server'
import Router from '@koa/router'
import express from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import { limit as limitExpress } from '../../src/adapters/express.js'
import { limit as limitFastify } from '../../src/adapters/fastify.js'
import { limit as limitFetch } from '../../src/adapters/fetch.js'
import { limit as limitHono } from '../../src/adapters/hono.js'
import { limit as limitKoa } from '../../src/adapters/koa.js'
import { MAX_READING_BYTES, READING_MEMORY } from '../../src/http/reading-memory.js'
import { batchSize, bodyBytes, modelWeight, pixels } from '../../src/rules/costs/request-costs.js'
import type { RunningApp } from './framework.js'
import { appOf, startServer } from './frameworks/listening.js'
import { nestOnExpress, nestOnFastify } from './frameworks/nest.js'

type Costs = ReturnType<typeof rules>

function rules() {
  return {
    rules: [
      { name: 'rows', limit: '1000/hour', of: 'rows', cost: batchSize('/data') },
      { name: 'weight', limit: '1000/hour', cost: modelWeight('/model', { light: 1, heavy: 10 }) },
      { name: 'pixels', limit: '1000/hour', of: 'pixels', cost: pixels('/width', '/height') },
      { name: 'bytes', limit: '10M/hour', of: 'bytes', cost: bodyBytes(), enforce: false },
    ],
  }
}

/** Starts an app whose handler responds with the number of rows in the body. */
type Start = (options: Costs) => Promise<RunningApp>

const rowsOf = (body: unknown) => String((body as { data: unknown[] }).data.length)

function expressApp(make: typeof express, isParsedFirst: boolean): Start {
  return async (options) => {
    const app = make()
    app.set('env', 'test')
    const steps = [make.json({ limit: '2mb' }), limitExpress(options)]
    app.post('/predict', ...(isParsedFirst ? steps : steps.toReversed()), (request, response) => {
      response.send(rowsOf(request.body))
    })
    return startServer(app)
  }
}

function fastifyApp(hook: 'preHandler' | 'onRequest'): Start {
  return async (options) => {
    const app = Fastify({ bodyLimit: 2 << 20 })
    app.post('/predict', { [hook]: limitFastify(options) }, async ({ body }) => rowsOf(body))
    await app.listen({ host: '127.0.0.1', port: 0 })
    return appOf(app.server, () => app.close())
  }
}

function koaApp(isParsedFirst: boolean): Start {
  return async (options) => {
    const app = new Koa()
    app.silent = true
    const router = new Router()
    const parse: Koa.Middleware = async (context, next) => {
      // Body parsers for Koa work in this way.
      if (isParsedFirst) Object.assign(context.request, { body: await json(context.req).catch(() => '') })
      await next()
    }
    router.post('/predict', parse, limitKoa(options), async (context) => {
      const body = isParsedFirst ? Reflect.get(context.request, 'body') : await json(context.req)
      context.body = rowsOf(body)
    })
    app.use(router.routes())
    return startServer(app.callback())
  }
}

const APPS: readonly (readonly [name: string, start: Start, parsesFirst: boolean])[] = [
  ['Express 4', expressApp(express4, true), true],
  ['Express 4, before the parser', expressApp(express4, false), false],
  ['Express 5', expressApp(express, true), true],
  ['Express 5, before the parser', expressApp(express, false), false],
  ['Fastify, as preHandler', fastifyApp('preHandler'), true],
  ['Fastify, as onRequest', fastifyApp('onRequest'), false],
  ['Koa', koaApp(true), true],
  ['Koa, without a parser', koaApp(false), false],
  [
    'Hono',
    async (options) => {
      const app = new Hono()
      app.post('/predict', limitHono(options), async ({ req, text }) => text(rowsOf(await req.json())))
      return startServer(getRequestListener(app.fetch))
    },
    false,
  ],
  [
    'Hono, with a body that was already read',
    async (options) => {
      const app = new Hono()
      app.use(async ({ req }, next) => {
        await req.text()
        await next()
      })
      app.post('/predict', limitHono(options), async ({ req, text }) => text(rowsOf(await req.json())))
      return startServer(getRequestListener(app.fetch))
    },
    true,
  ],
  [
    'fetch',
    async (options) =>
      startServer(
        getRequestListener(
          limitFetch<[unknown]>(options)(async (request) => new Response(rowsOf(await request.json()))),
        ),
      ),
    false,
  ],
  ...[['NestJS on Express', nestOnExpress] as const, ['NestJS on Fastify', nestOnFastify] as const].map(
    ([name, framework]): (typeof APPS)[number] => [
      name,
      (options) =>
        framework.start([{ method: 'POST', path: '/predict', limits: [options], handle: () => '3' }]),
      true,
    ],
  ),
]

const BODY = { data: [1, 2, 3], model: 'heavy', width: 4, height: 5 }

describe.each(APPS)('costs that read the body on %s', (_name, start, parsesFirst) => {
  const startApp = async () => {
    const app = await start(rules())
    onTestFinished(() => app.close())
    return (
      body: string | Uint8Array<ArrayBuffer> | ReadableStream,
      type = 'application/json',
      headers: object = {},
    ) =>
      fetch(`http://127.0.0.1:${app.port}/predict`, {
        method: 'POST',
        body,
        headers: { 'content-type': type, ...headers },
        ...(body instanceof ReadableStream && { duplex: 'half' as const }),
      })
  }

  it('read the body that the handler receives, with a content length or in chunks', async () => {
    const send = await startApp()
    const text = JSON.stringify(BODY)
    const pieces = new ReadableStream({
      start(controller) {
        for (const byte of new TextEncoder().encode(text)) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      },
    })
    for (const [body, left] of [[text, [997, 990, 980]] as const, [pieces, [994, 980, 960]] as const]) {
      const response = await send(body)
      expect([response.status, await response.text()]).toEqual([200, '3'])
      expect(
        response.headers
          .get('ratelimit')
          ?.match(/(?<=r=)\d+/g)
          ?.map(Number),
      ).toEqual(left)
    }
  })

  it('read a large body, and reject one that exceeds the maximum', async () => {
    const send = await startApp()
    const large = { ...BODY, padding: 'x'.repeat(parsesFirst ? 90_000 : 900_000) }
    expect((await send(JSON.stringify(large))).status).toBe(200)
    if (!parsesFirst)
      expect((await send(JSON.stringify({ ...BODY, padding: 'x'.repeat(1.2e6) }))).status).toBe(413)
  })

  it('reject an unreadable body and charge nothing', async () => {
    const send = await startApp()
    expect((await send('{"data":[1],"model":"heavy"}')).status).toBe(400)
    if (!parsesFirst) {
      expect((await send('{"data":')).status).toBe(400)
      expect((await send(Uint8Array.of(0x22, 0xff, 0x22))).status).toBe(400)
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/json; charset=utf-7',
      ])
        expect([type, (await send(JSON.stringify(BODY), type)).status]).toEqual([type, 415])
      expect(
        (await send(JSON.stringify(BODY), 'application/json', { 'content-encoding': 'gzip' })).status,
      ).toBe(415)
    }
    const { headers } = await send(JSON.stringify(BODY), 'application/json; charset=UTF-8')
    expect(headers.get('ratelimit')).toContain('"rows";r=997')
  })
})

const unparsedApps = APPS.filter(([, , parsesFirst]) => !parsesFirst)

describe.each(unparsedApps)('bodies that the limit reads on %s', (_name, start) => {
  it('are rejected with 503 if they exceed the memory limit in total, and release their memory', async () => {
    const { port, close } = await start(rules())
    onTestFinished(() => close())
    const send = () =>
      fetch(`http://127.0.0.1:${port}/predict`, {
        method: 'POST',
        body: JSON.stringify(BODY),
        headers: { 'content-type': 'application/json' },
      })
    const evictable = READING_MEMORY.begin(() => {})
    evictable.take(MAX_READING_BYTES)
    expect((await send()).status).toBe(200)
    // There are many bodies, and none exceeds the size limit.
    const small = Array.from({ length: MAX_READING_BYTES / 1024 }, () => {
      const reading = READING_MEMORY.begin(() => expect.fail('a body that is not larger was evicted'))
      reading.take(1024)
      return reading
    })
    const response = await send()
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    for (const { release } of small) release()
    const last = await send()
    expect([last.status, READING_MEMORY.held]).toEqual([200, 0])
    expect(last.headers.get('ratelimit')).toContain('"rows";r=994')
  })

  it('are evicted if they are the largest, and dropped when their client disconnects', async () => {
    const { port, close } = await start(rules())
    onTestFinished(() => close())
    const head = ['POST /predict HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
    const begin = async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      await once(socket, 'connect')
      socket.write(`${head.join('\r\n')}\r\nContent-Length: 900000\r\n\r\n{"data":"${'x'.repeat(100_000)}`)
      await expect.poll(() => READING_MEMORY.held).toBeGreaterThan(100_000)
      return socket
    }
    const leaving = await begin()
    leaving.destroy()
    await expect.poll(() => READING_MEMORY.held).toBe(0)

    const evicted = await begin()
    const others = Array.from({ length: MAX_READING_BYTES / 1024 }, () => READING_MEMORY.begin(() => {}))
    onTestFinished(() => {
      for (const { release } of others) release()
    })
    const response = once(evicted, 'data')
    for (const { take } of others) take(1024)
    expect(String((await response)[0])).toMatch(/^HTTP\/1\.1 503 /)
    evicted.destroy()
  })
})

describe('a cost that reads the body', () => {
  it('throws an error with instructions if the body of the request is not parsed', () => {
    const request = new Request('http://localhost', { method: 'POST', body: '[]' })
    for (const cost of [batchSize(''), modelWeight('', {}), pixels('', '')])
      for (const each of [request, { body: () => {} }])
        expect(() => cost(each)).toThrow("pass the function itself as the rule's 'cost'")
  })
})
