import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ArgumentsHost,
  applyDecorators,
  type CanActivate,
  Catch,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  HttpException,
  Injectable,
  Module,
  SetMetadata,
} from '@nestjs/common'
import { APP_FILTER, APP_GUARD, Reflector } from '@nestjs/core'
import {
  createHttpLimiter,
  type HttpLimiter,
  type HttpLimitOptions,
  type RequestAccess,
} from '../http/http-limiter.js'
import { forwardedFor, type NodeRequest, onHangUp, soleHeader } from '../http/node-request.js'
import { joinedField, releaseWhenClosed } from '../http/node-response.js'
import type { HttpAnswer } from '../http/problem.js'

export type { HttpLimitOptions } from '../http/http-limiter.js'
export { settle } from '../http/permits.js'

/** A request as Nest hands it on from Express or Fastify. */
export interface NestRequest extends Pick<IncomingMessage, 'headers' | 'socket' | 'method'> {
  readonly body?: unknown
  readonly params?: unknown
  /** Express. */
  readonly route?: { readonly path?: string }
  /** Fastify. */
  readonly routeOptions?: { readonly url?: string }
  readonly raw?: IncomingMessage
}

/** The part of an answer that Express and Fastify share; Fastify keeps Node's own under `raw`. */
type NestResponse =
  | (ServerResponse & { readonly raw?: undefined })
  | { readonly raw: ServerResponse; hijack(): unknown }

const LIMITER = Symbol('sluice limiter')

/** Limits a handler, or all handlers of a controller together; in place of what the module says for all. */
export function Limit(options: string | HttpLimitOptions<NestRequest>): ClassDecorator & MethodDecorator {
  return applyDecorators(SetMetadata(LIMITER, createHttpLimiter(options, access)))
}

/** Lets a handler, or those of a controller, be limited by nothing. */
export function Unlimited(): ClassDecorator & MethodDecorator {
  return applyDecorators(SetMetadata(LIMITER, undefined))
}

/** Asks the limit of the handler that a request is for. */
export class LimitGuard implements CanActivate {
  readonly #reflector = new Reflector()
  readonly #forAll: HttpLimiter<NestRequest> | undefined

  /** @param forAll limits what has no `@Limit` of its own */
  constructor(forAll?: HttpLimiter<NestRequest>) {
    this.#forAll = forAll
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true
    const limiter = this.#limiterOf(context)
    if (limiter === undefined) return true
    const http = context.switchToHttp()
    const decision = await limiter.decide(http.getRequest<NestRequest>())
    if (!decision.allowed) throw new LimitRefusal(decision.answer)
    const response = nodeResponse(http.getResponse<NestResponse>())
    setFields(response, decision.fields)
    releaseWhenClosed(response, decision.permit)
    return true
  }

  #limiterOf(context: ExecutionContext): HttpLimiter<NestRequest> | undefined {
    const places = [context.getHandler(), context.getClass()]
    const own = places.find((place) => Reflect.hasMetadata(LIMITER, place))
    return own === undefined
      ? this.#forAll
      : this.#reflector.get<HttpLimiter<NestRequest> | undefined>(LIMITER, own)
  }
}

/** A request that is not let in, with the answer to it. Filters of your own may catch it. */
export class LimitRefusal extends HttpException {
  readonly answer: HttpAnswer

  constructor(answer: HttpAnswer) {
    super(answer.body, answer.status)
    this.answer = answer
  }
}

/** Sends the answer as it is: Nest itself would put its own words around it. */
export class LimitRefusalFilter implements ExceptionFilter<LimitRefusal> {
  catch({ answer }: LimitRefusal, host: ArgumentsHost): void {
    const given = host.switchToHttp().getResponse<NestResponse>()
    // Fastify would else wait for an answer of its own.
    if (given.raw !== undefined) given.hijack()
    const response = nodeResponse(given)
    response.statusCode = answer.status
    setFields(response, answer.headers)
    response.end(answer.body)
  }
}

/**
 * Limits for NestJS, on Express or Fastify.
 *
 *     import { Limit, LimitModule } from 'sluice/nest'
 *
 *     @Module({ imports: [LimitModule.forRoot('60/minute')], controllers: [PredictController] })
 *     class AppModule {}
 *
 *     @Controller()
 *     class PredictController {
 *       @Post('predict') @Limit('10/minute') predict() { … }
 *       @Get('model-info') @Unlimited() info() { … }
 *     }
 *
 * `forRoot()` without options limits only what has a `@Limit`.
 */
export const LimitModule = {
  /** @throws LimitSyntaxError, TypeError, RangeError that say what is wrong with the options. */
  forRoot(options?: string | HttpLimitOptions<NestRequest>): DynamicModule {
    const forAll = options === undefined ? undefined : createHttpLimiter(options, access)
    return {
      module: SluiceModule,
      providers: [
        { provide: APP_GUARD, useFactory: () => new LimitGuard(forAll) },
        { provide: APP_FILTER, useClass: LimitRefusalFilter },
      ],
    }
  },
}

class SluiceModule {}

// Decorators by hand: the library is compiled without Nest's own kind of them.
Injectable()(LimitGuard)
Catch(LimitRefusal)(LimitRefusalFilter)
Module({})(SluiceModule)

const access: RequestAccess<NestRequest> = {
  peer: (request) => request.socket.remoteAddress,
  header: (request, name) => soleHeader(messageOf(request), name),
  forwardedFor: (request) => forwardedFor(messageOf(request)),
  onHangUp: (request, gone) => onHangUp(messageOf(request), gone),
  route: ({ method, route, routeOptions }) =>
    `${method === 'HEAD' ? 'GET' : method} ${route?.path ?? routeOptions?.url ?? '*'}`,
}

/** Node's own request, which Fastify keeps under `raw`. */
function messageOf(request: NestRequest): NodeRequest {
  return request.raw ?? request
}

function nodeResponse(response: NestResponse): ServerResponse {
  return response.raw ?? response
}

function setFields(response: ServerResponse, fields: HttpAnswer['headers']): void {
  for (const [name, value] of fields)
    response.setHeader(name, joinedField(response.getHeader(name), name, value))
}
