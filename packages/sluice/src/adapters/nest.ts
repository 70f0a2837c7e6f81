import type { IncomingMessage } from 'node:http'
import {
  applyDecorators,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  Injectable,
  Module,
  SetMetadata,
} from '@nestjs/common'
import { APP_FILTER, APP_GUARD, ModulesContainer, Reflector } from '@nestjs/core'
import {
  createHttpLimiter,
  type HttpLimiter,
  type HttpLimitOptions,
  optionsOf,
  type RequestAccess,
} from '../http/http-limiter.js'
import type { LimitMethods } from '../http/limit-methods.js'
import { nodeBody } from '../http/node-body.js'
import { listHeader, type NodeRequest, onHangUp, soleHeader } from '../http/node-request.js'
import { releaseWhenClosed, reportStatus, setHeaders } from '../http/node-response.js'
import { refusalHeaders } from '../http/refusal-error.js'
import { OptionTypeError } from '../option-error.js'
import { expressProxies } from './express/express-proxies.js'
import { routeOf } from './express/express-route.js'
import { fastifyProxies } from './fastify/fastify-proxies.js'
import { type Execution, executionOf, type NestRequest } from './nest/execution-context.js'
import { LimitRefusal, LimitRefusalFilter } from './nest/nest-refusal.js'

export { decisionOf, type RequestDecision, settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'
export type { LimitMethods } from '../http/limit-methods.js'
export type { NestRequest } from './nest/execution-context.js'
export { LimitRefusal, LimitRefusalFilter } from './nest/nest-refusal.js'

export interface NestLimitOptions extends HttpLimitOptions<NestRequest> {
  /**
   * Returns the request that a handler runs for. Default: the HTTP request; in a GraphQL handler
   * the request of the context; in a WebSocket handler the handshake. A handler without a request
   * fails with a TypeError.
   */
  readonly request?: (context: ExecutionContext) => NestRequest | undefined
}

/** A limiter and the function that finds its requests. */
interface NestLimiter {
  readonly limiter: HttpLimiter<NestRequest>
  readonly requestOf: NestLimitOptions['request']
}

function nestLimiter(options: string | NestLimitOptions): NestLimiter {
  const { request, ...rest } = optionsOf<NestLimitOptions>(options)
  if (rest.throw === false)
    throw new OptionTypeError(
      ['throw'],
      "'throw' cannot be false in NestJS, where refusals are always thrown; respond to them in a filter for LimitRefusal",
    )
  return { limiter: createHttpLimiter<NestRequest>(rest, access, ['request']), requestOf: request }
}

const LIMITER = Symbol('sluice limiter')

/**
 * Sets the limit of a handler, or of all handlers of a controller together. It replaces the limit
 * of the module.
 */
export function Limit(
  options: string | NestLimitOptions,
): ClassDecorator & MethodDecorator & LimitMethods<NestRequest> {
  const limit = nestLimiter(options)
  return Object.assign(applyDecorators(SetMetadata(LIMITER, limit)), limit.limiter.methods)
}

/** Exempts a handler, or the handlers of a controller, from all limits. */
export function Unlimited(): ClassDecorator & MethodDecorator {
  return applyDecorators(SetMetadata(LIMITER, undefined))
}

/** Applies the limit of the handler that serves a request. */
export class LimitGuard implements CanActivate {
  readonly #reflector = new Reflector()
  readonly #forAll: NestLimiter | undefined

  /** @param forAll the limit for handlers without a `@Limit` */
  constructor(forAll?: NestLimiter) {
    this.#forAll = forAll
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const limit = this.#limitOf(context)
    if (limit === undefined) return true
    const execution = executionOf(context, limit.requestOf)
    const { request, response, run } = execution
    const decision = await limit.limiter.decide(request, run)
    if (!decision.allowed) throw await refusalOf(decision.answer, execution, context)
    if (response !== undefined) {
      releaseWhenClosed(response, decision.permit)
      reportStatus(response, decision.onStatus)
      setHeaders(response, decision.fields)
    } else if (decision.permit !== undefined) {
      decision.permit[Symbol.dispose]()
      throw new TypeError(
        `'concurrent' cannot limit ${context.getClass().name}.${context.getHandler().name}, because it has no HTTP response whose end frees the slot; use a rule with a 'limit'`,
      )
    } else if (decision.onStatus !== undefined) {
      throw new TypeError(
        `'skipFailed' and 'skipSuccessful' cannot apply to ${context.getClass().name}.${context.getHandler().name}, because it has no HTTP response with a status`,
      )
    }
    return true
  }

  #limitOf(context: ExecutionContext): NestLimiter | undefined {
    const targets = [context.getHandler(), context.getClass()]
    const own = targets.find((target) => Reflect.hasMetadata(LIMITER, target))
    return own === undefined ? this.#forAll : this.#reflector.get<NestLimiter | undefined>(LIMITER, own)
  }
}

/**
 * Creates the error to throw for a refused request. The rate limit headers are set here, because
 * any filter may send the response. The filter determines the body.
 */
async function refusalOf(
  answer: LimitRefusal['answer'],
  { response }: Execution,
  context: ExecutionContext,
): Promise<Error> {
  if (response !== undefined) {
    setHeaders(response, refusalHeaders(answer.headers))
  }
  const refusal = new LimitRefusal(answer)
  return context.getType<string>() === 'ws' ? wsRefusal(refusal) : refusal
}

/**
 * Creates the error for a WebSocket. For exceptions of other classes, Nest sends only "Internal
 * server error".
 */
async function wsRefusal(refusal: LimitRefusal): Promise<Error> {
  try {
    const { WsException } = await import('@nestjs/websockets')
    return new WsException(refusal.getResponse())
  } catch {
    return refusal
  }
}

/**
 * The module that limits requests in NestJS, on Express or Fastify.
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
 * `forRoot()` without options limits only handlers with a `@Limit`.
 */
export const LimitModule = {
  /** @throws LimitSyntaxError, TypeError, RangeError if an option is invalid */
  forRoot(options?: string | NestLimitOptions): DynamicModule {
    const forAll = options === undefined ? undefined : nestLimiter(options)
    return {
      module: SluiceModule,
      providers: [
        { provide: APP_GUARD, useFactory: () => new LimitGuard(forAll) },
        {
          provide: APP_FILTER,
          useFactory: (modules: ModulesContainer) => new LimitRefusalFilter(modules),
          inject: [ModulesContainer],
        },
      ],
    }
  },
}

class SluiceModule {}

// Decorators are called as functions, because the library is compiled without legacy decorators.
Injectable()(LimitGuard)
Module({})(SluiceModule)

const access: RequestAccess<NestRequest> = {
  peer: (request) => request.socket.remoteAddress,
  header: (request, name) => soleHeader(messageOf(request), name),
  listHeader: (request, name) => listHeader(messageOf(request), name),
  proxies: (request) => (request.raw === undefined ? expressProxies(request) : fastifyProxies(request)),
  onHangUp: (request, listener) => onHangUp(messageOf(request), listener),
  body: (request) => nodeBody(request.body, messageOf(request) as IncomingMessage),
  route(request) {
    const { method, routeOptions } = request
    // Fastify reports the whole template.
    return routeOptions === undefined
      ? routeOf(request)
      : `${method === 'HEAD' ? 'GET' : method} ${routeOptions.url ?? '*'}`
  },
}

/** Returns Node's request, which Fastify stores as `raw`. */
function messageOf(request: NestRequest): NodeRequest {
  return request.raw ?? request
}
