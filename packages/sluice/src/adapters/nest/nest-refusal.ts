import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common'
import type { ModulesContainer } from '@nestjs/core'
import { canRefuse } from '../../http/node-response.js'
import type { HttpAnswer } from '../../http/problem.js'
import { detailOf, documentOf } from '../../http/refusal-error.js'
import { type NestResponse, nodeResponse } from './execution-context.js'

/**
 * The exception for a refused request, with the response to send. The rate limit headers have
 * already been set.
 */
export class LimitRefusal extends HttpException {
  readonly answer: HttpAnswer

  constructor(answer: HttpAnswer) {
    const document = documentOf(answer.body)
    super(document, answer.status)
    this.answer = answer
    const detail = detailOf(document)
    if (detail !== undefined) this.message = detail
  }
}

/**
 * Sends the response unchanged; Nest would wrap it in its own format. Filters of the application
 * take precedence. Nest would call an `APP_FILTER` of the root module only after this filter, so
 * this filter calls it.
 */
export class LimitRefusalFilter implements ExceptionFilter<LimitRefusal> {
  readonly #modules: ModulesContainer | undefined

  constructor(modules?: ModulesContainer) {
    this.#modules = modules
  }

  catch(refusal: LimitRefusal, host: ArgumentsHost): unknown {
    const own = this.#modules && ownFilterFor(refusal, this.#modules)
    if (own !== undefined) return own.catch(refusal, host)
    // A GraphQL server turns the returned value into an error.
    if (host.getType<string>() !== 'http') return refusal
    const nestResponse = host.switchToHttp().getResponse<NestResponse>()
    const response = nodeResponse(nestResponse)
    if (!canRefuse(response)) return undefined
    // Fastify would otherwise wait for a reply.
    if (nestResponse.raw !== undefined) nestResponse.hijack()
    const { status, headers, body } = refusal.answer
    response.statusCode = status
    const type = headers.find(([name]) => name === 'content-type')
    if (type !== undefined) response.setHeader(...type)
    response.end(body)
    return undefined
  }
}

/** Metadata that `@Catch(…)` sets on a filter: the classes that it catches, or none for all. */
const CAUGHT = '__filterCatchExceptions__'

/** Returns the application's `APP_FILTER` for a refusal: the last of several, as in Nest. */
function ownFilterFor(refusal: LimitRefusal, modules: ModulesContainer): ExceptionFilter | undefined {
  const filters = [...modules.values()].flatMap(({ providers }) =>
    [...providers].flatMap(([token, { instance }]) =>
      String(token).startsWith('APP_FILTER') ? [instance as ExceptionFilter | undefined] : [],
    ),
  )
  return filters.findLast((filter) => catches(filter, refusal)) as ExceptionFilter | undefined
}

function catches(filter: ExceptionFilter | undefined, refusal: LimitRefusal): boolean {
  if (typeof filter?.catch !== 'function' || filter instanceof LimitRefusalFilter) return false
  const classes: unknown = Reflect.getMetadata(CAUGHT, filter.constructor)
  if (!Array.isArray(classes)) return false
  return classes.length === 0 || classes.some((each) => typeof each === 'function' && refusal instanceof each)
}

// The decorator is called as a function, because the library is compiled without legacy decorators.
Catch(LimitRefusal)(LimitRefusalFilter)
