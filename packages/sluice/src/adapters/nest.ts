import type { IncomingMessage } from 'node:http'
import {
  applyDecorators,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  type FactoryProvider,
  Injectable,
  Module,
  SetMetadata,
} from '@nestjs/common'
import { APP_FILTER, APP_GUARD, ModulesContainer } from '@nestjs/core'
import type { RequestAccess } from '../http/http-limiter.js'
import type { LimitMethods } from '../http/limit-methods.js'
import { nodeBody } from '../http/node-body.js'
import { listHeader, type NodeRequest, onHangUp, soleHeader } from '../http/node-request.js'
import { releaseWhenClosed, reportStatus, setHeaders } from '../http/node-response.js'
import { refusalHeaders } from '../http/refusal-error.js'
import type { MaybePromise } from '../maybe-promise.js'
import { OptionTypeError } from '../option-error.js'
import { expressProxies } from './express/express-proxies.js'
import { routeOf } from './express/express-route.js'
import { fastifyProxies } from './fastify/fastify-proxies.js'
import { type Execution, executionOf, type NestRequest } from './nest/execution-context.js'
import {
  type Handler,
  HandlerLimits,
  type LimitOverrides,
  type NestLimitOptions,
} from './nest/handler-limits.js'
import { LimitRefusal, LimitRefusalFilter } from './nest/nest-refusal.js'

export { decisionOf, type RequestDecision, settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'
export type { LimitMethods } from '../http/limit-methods.js'
export type { NestRequest } from './nest/execution-context.js'
export type { LimitOverrides, NestLimitOptions } from './nest/handler-limits.js'
export { LimitRefusal, LimitRefusalFilter } from './nest/nest-refusal.js'

const LIMITS = Symbol('sluice limits')
const SKIPPED = Symbol('sluice skipped rules')
const OVERRIDES = Symbol('sluice overrides')

/**
 * Sets the limit of a handler, or of all handlers of a controller together. It replaces the limit
 * of the module.
 */
export function Limit(
  options: string | NestLimitOptions,
): ClassDecorator & MethodDecorator & LimitMethods<NestRequest> {
  const limits = new HandlerLimits(options, access)
  return Object.assign(applyDecorators(SetMetadata(LIMITS, limits)), limits.methods)
}

/**
 * Exempts a handler, or the handlers of a controller, from all limits, or only from the rules with
 * these names: `@Unlimited('short')`.
 */
export function Unlimited(...rules: string[]): ClassDecorator & MethodDecorator {
  return applyDecorators(rules.length === 0 ? SetMetadata(LIMITS, undefined) : SetMetadata(SKIPPED, rules))
}

/**
 * Replaces limits by the name of the rule, for a handler or the handlers of a controller:
 *
 *     @OverrideLimits({ long: '1000/hour', slots: 8 })
 *
 * The usage is counted together with that of the other handlers, unless the limit has `perHandler`.
 */
export function OverrideLimits(overrides: LimitOverrides): ClassDecorator & MethodDecorator {
  return applyDecorators(SetMetadata(OVERRIDES, overrides))
}

/** Applies the limit of the handler that serves a request. */
export class LimitGuard implements CanActivate {
  readonly #forAll: HandlerLimits | undefined
  readonly #modules: ModulesContainer | undefined

  /**
   * @param forAll the limit for handlers without a `@Limit`
   * @param modules the modules whose decorators are checked when the application starts
   */
  constructor(forAll?: HandlerLimits, modules?: ModulesContainer) {
    this.#forAll = forAll
    this.#modules = modules
  }

  /** Reports decorators that do not fit the limit of their handler. */
  onModuleInit(): void {
    for (const { controllers, providers } of this.#modules?.values() ?? [])
      for (const { metatype } of [...controllers.values(), ...providers.values()]) {
        if (typeof metatype !== 'function' || !metatype.prototype) continue
        for (const method of methodsOf(metatype.prototype))
          if (isAdjusted(metatype) || isAdjusted(method)) this.#limitOf({ owner: metatype, method })
      }
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const limit = this.#limitOf({ owner: context.getClass(), method: context.getHandler() })
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

  /** Returns the limit of a handler: its own, that of its class, or that of the module. */
  #limitOf(handler: Handler) {
    const { owner, method } = handler
    const own = [method, owner].find((target) => Reflect.hasMetadata(LIMITS, target))
    const limits: HandlerLimits | undefined =
      own === undefined ? this.#forAll : Reflect.getMetadata(LIMITS, own)
    if (limits === undefined) return undefined
    // Decorators of the class refer to the limit of the class or the module.
    const targets = own === method ? [method] : [owner, method]
    const limiter = limits.of(handler, () => ({
      skipped: targets.flatMap((target): string[] => Reflect.getMetadata(SKIPPED, target) ?? []),
      overrides: Object.assign({}, ...targets.map((target) => Reflect.getMetadata(OVERRIDES, target))),
    }))
    return { limiter, requestOf: limits.requestOf }
  }
}

function isAdjusted(target: object): boolean {
  return Reflect.hasMetadata(SKIPPED, target) || Reflect.hasMetadata(OVERRIDES, target)
}

/** Returns the methods of a class, without those it inherits and without accessors. */
function methodsOf(prototype: object): ((...args: never) => unknown)[] {
  return Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, { value }]) =>
    name !== 'constructor' && typeof value === 'function' ? [value] : [],
  )
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
    const forAll = limitsOf(options)
    return {
      module: SluiceModule,
      providers: [
        {
          provide: APP_GUARD,
          useFactory: (modules: ModulesContainer) => new LimitGuard(forAll, modules),
          inject: [ModulesContainer],
        },
        FILTER,
      ],
    }
  },
  /**
   * Creates the options with providers of the application:
   *
   *     LimitModule.forRootAsync({
   *       imports: [ConfigModule],
   *       inject: [ConfigService],
   *       useFactory: (config: ConfigService) => ({ rules: [{ limit: config.get('LIMIT') }] }),
   *     })
   *
   * The application does not start if `useFactory` fails or returns an invalid option.
   */
  forRootAsync({ imports = [], inject = [], useFactory }: AsyncLimitOptions): DynamicModule {
    if (typeof useFactory !== 'function')
      throw new OptionTypeError(['useFactory'], "'useFactory' must be a function that returns the options")
    return {
      module: SluiceModule,
      imports,
      providers: [
        {
          provide: APP_GUARD,
          useFactory: async (modules: ModulesContainer, ...injected: never[]) =>
            new LimitGuard(limitsOf(await useFactory(...injected)), modules),
          inject: [ModulesContainer, ...inject],
        },
        FILTER,
      ],
    }
  },
}

/** Options of `LimitModule.forRootAsync`. */
export interface AsyncLimitOptions {
  /** The modules that export the injected providers. */
  readonly imports?: NonNullable<DynamicModule['imports']>
  /** The providers that `useFactory` receives, in order. */
  readonly inject?: FactoryProvider['inject']
  /** Returns the options of `forRoot`. */
  readonly useFactory: (...injected: never[]) => MaybePromise<string | NestLimitOptions | undefined>
}

function limitsOf(options: string | NestLimitOptions | undefined): HandlerLimits | undefined {
  return options === undefined ? undefined : new HandlerLimits(options, access)
}

const FILTER: FactoryProvider = {
  provide: APP_FILTER,
  useFactory: (modules: ModulesContainer) => new LimitRefusalFilter(modules),
  inject: [ModulesContainer],
}

class SluiceModule {}

// Decorators are called as functions, because the library is compiled without legacy decorators.
Injectable()(LimitGuard)
Module({})(SluiceModule)

const access: RequestAccess<NestRequest> = {
  method: ({ method }) => method,
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
