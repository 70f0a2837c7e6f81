import 'reflect-metadata'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  Module,
  type Type,
} from '@nestjs/common'
import { APP_FILTER, NestFactory } from '@nestjs/core'
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js'
import { ExpressAdapter } from '@nestjs/platform-express'
import { IoAdapter } from '@nestjs/platform-socket.io'
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { io } from 'socket.io-client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Limit, LimitGuard, LimitModule, LimitRefusal } from '../../src/adapters/nest.js'

/** Applies decorators as functions, because the tests compile without legacy decorators. */
function decorate(target: Type, method: string, ...decorators: MethodDecorator[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, method) as PropertyDescriptor
  for (const decorator of decorators) decorator(target.prototype, method, descriptor)
}

/** Creates a controller with a limit that no other test has used. */
function newModel() {
  class Model {
    predict(): object {
      return { prediction: 'calm' }
    }
  }
  Controller()(Model)
  decorate(Model, 'predict', Get('predict'), Limit({ rules: [{ limit: '1/minute' }] }))
  return Model
}

async function startApp(
  options: object,
  prepare: (app: Awaited<ReturnType<typeof NestFactory.create>>) => void,
) {
  class App {}
  Module({ imports: [LimitModule.forRoot()], controllers: [newModel()], ...options })(App)
  const app = await NestFactory.create(App, new ExpressAdapter(), { logger: false })
  prepare(app)
  await app.listen(0, '127.0.0.1')
  onTestFinished(() => app.close())
  return `http://127.0.0.1:${((app.getHttpServer() as Server).address() as AddressInfo).port}`
}

/** A filter that sends a custom response for every error, like those of many applications. */
class CustomFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost) {
    const status = error instanceof HttpException ? error.getStatus() : 500
    const body = error instanceof LimitRefusal ? error.getResponse() : undefined
    const response = host
      .switchToHttp()
      .getResponse<{ status(code: number): { json(body: unknown): void } }>()
    response.status(status).json({ own: true, body })
  }
}
Catch()(CustomFilter)

describe('a refusal in NestJS', () => {
  it.each([
    ['a global filter for all errors', {}, true],
    [
      "the application's own APP_FILTER",
      { providers: [{ provide: APP_FILTER, useClass: CustomFilter }] },
      false,
    ],
  ])('keeps its headers if the response comes from %s', async (_, options, isGlobal) => {
    const url = await startApp(options, (app) => {
      if (isGlobal) app.useGlobalFilters(new CustomFilter())
    })
    expect((await fetch(`${url}/predict`)).status).toBe(200)
    const refused = await fetch(`${url}/predict`)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('ratelimit')).toContain('r=0')
    expect(await refused.json()).toMatchObject({ own: true, body: { status: 429 } })
  })

  it('is the problem document if the application has no filter', async () => {
    const url = await startApp({}, () => {})
    await fetch(`${url}/predict`)
    const refused = await fetch(`${url}/predict`)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await refused.json()).toMatchObject({ status: 429 })
  })
})

class Chat {
  say(text: string) {
    return { event: 'said', data: text }
  }
}
WebSocketGateway()(Chat)
MessageBody()(Chat.prototype, 'say', 0)
decorate(Chat, 'say', SubscribeMessage('say'), Limit({ rules: [{ limit: '1/minute' }] }))

it('@Limit in NestJS limits the messages of a WebSocket by its handshake request', async () => {
  const url = await startApp({ providers: [Chat] }, (app) => app.useWebSocketAdapter(new IoAdapter(app)))
  const socket = io(url, { transports: ['websocket'] })
  onTestFinished(() => void socket.close())
  const asSocket = socket as unknown as NodeJS.EventEmitter
  socket.emit('say', 'first')
  expect(await once(asSocket, 'said')).toEqual(['first'])
  socket.emit('say', 'second')
  const [refusal] = await once(asSocket, 'exception')
  expect(refusal).toMatchObject({ status: 429 })
})

describe('the guard of NestJS', () => {
  const guard = new LimitGuard()
  const { predict } = newModel().prototype
  const contextOf = (type: string, args: unknown[]) => {
    const context = new ExecutionContextHost(args, Object, predict)
    context.setType(type)
    return context
  }

  it('limits GraphQL handlers by the request in their context', async () => {
    const socket = { remoteAddress: '192.0.2.1' }
    const run = (member: 'req' | 'request') =>
      guard.canActivate(contextOf('graphql', [{}, {}, { [member]: { headers: {}, socket } }, {}]))
    expect(await run('req')).toBe(true)
    await expect(run('req')).rejects.toMatchObject({ status: 429 })
    await expect(run('request')).rejects.toMatchObject({ status: 429 })
  })

  it("throws an error if 'skipFailed' applies to a handler without an HTTP response", async () => {
    class Model {
      predict() {}
    }
    decorate(Model, 'predict', Limit({ rules: [{ limit: '9/minute' }], skipFailed: true }))
    const request = { headers: {}, socket: { remoteAddress: '192.0.2.1' } }
    const args = [{}, {}, { req: request }, {}]
    const context = new ExecutionContextHost(args, Model, Model.prototype.predict)
    context.setType('graphql')
    await expect(guard.canActivate(context)).rejects.toThrow(
      "'skipFailed' and 'skipSuccessful' cannot apply to Model.predict, because it has no HTTP response",
    )
  })

  it.each(['rpc', 'graphql', 'ws', 'something new'])(
    'throws an error instead of admitting without a limit if a handler of type %s has no request',
    async (type) => {
      await expect(guard.canActivate(contextOf(type, [{}, {}, {}, {}]))).rejects.toThrow(
        /has no HTTP request to count.*@Unlimited/,
      )
    },
  )
})
