import type { FastifyInstance, FastifyPluginAsync, FastifyRequest, preHandlerHookHandler } from 'fastify'
import type { HttpLimitOptions } from '../../http/http-limiter.js'
import { OptionTypeError, relocate } from '../../option-error.js'
import { memoryStore } from '../../stores/memory/memory-store.js'

/** The options of a limit, with a limit string instead of rules. */
export interface PluginLimitOptions extends Partial<HttpLimitOptions<FastifyRequest>> {
  /** A limit such as `100/minute`, instead of `rules`. */
  readonly limit?: string
}

export interface SluiceOptions extends PluginLimitOptions {
  /**
   * The hook in which requests are limited. `onRequest` runs earlier, before the body is read.
   * Default: `preHandler`, so that costs can read the parsed body.
   */
  readonly hook?: 'onRequest' | 'preHandler'
}

/**
 * The limit of a route, in its `config.rateLimit`: a limit string or options, which replace those of
 * the plugin one by one; or `false` for no limit.
 */
export type RouteLimit = string | false | PluginLimitOptions

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The limit of the route, with the plugin of `sluice/fastify`. */
    rateLimit?: RouteLimit
  }
}

type Limit = (options: HttpLimitOptions<FastifyRequest>) => preHandlerHookHandler

/** Options that Fastify itself reads when a plugin is registered. */
const FASTIFY_OPTIONS = ['prefix', 'logLevel', 'logSerializers']

/** A route as the limits identify it. */
interface LimitedRoute {
  readonly method: string | readonly string[]
  readonly url?: string | undefined
  readonly config?: { readonly rateLimit?: RouteLimit } | undefined
}

/** Creates the plugin. @param limit creates the hook for one limit */
export function createPlugin(limit: Limit): FastifyPluginAsync<SluiceOptions> {
  // A rejection, unlike an error of a callback, is reported by `register`.
  const plugin: FastifyPluginAsync<SluiceOptions> = async (app, options) => {
    const { hook = 'preHandler', ...given } = options
    if (hook !== 'onRequest' && hook !== 'preHandler')
      throw new OptionTypeError(['hook'], `'hook' must be 'onRequest' or 'preHandler', not '${String(hook)}'`)
    const own = Object.entries(given).filter(([name]) => !FASTIFY_OPTIONS.includes(name))
    const limits = new RouteLimits(limit, Object.fromEntries(own))
    // Reports an invalid limit where its route is declared.
    app.addHook('onRoute', (route) => {
      limits.of(route)
    })
    addLimitHook(app, hook, (request) => {
      const { is404, routeOptions } = request
      // The framework's response to an unknown path is not limited.
      return is404 ? undefined : limits.ofConfig(routeOptions.config, routeOptions)
    })
  }
  // The plugin applies to the scope that registers it, not to a scope of its own.
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'sluice',
    [Symbol.for('plugin-meta')]: { name: 'sluice', fastify: '5.x' },
  })
}

/**
 * Adds the hook to the scope. A hook of the scope, unlike one of each route, also applies to routes
 * that were declared before the plugin was loaded.
 */
function addLimitHook(
  app: FastifyInstance,
  hook: 'onRequest' | 'preHandler',
  limitOf: (request: FastifyRequest) => preHandlerHookHandler | undefined,
): void {
  const handler: preHandlerHookHandler = function (request, reply, next) {
    const limit = limitOf(request)
    if (limit === undefined) next()
    else limit.call(this, request, reply, next)
  }
  if (hook === 'onRequest') app.addHook('onRequest', handler)
  else app.addHook('preHandler', handler)
}

/** The limits of the routes in the scope of a plugin. */
class RouteLimits {
  readonly #limit: Limit
  readonly #shared: Partial<HttpLimitOptions<FastifyRequest>>
  readonly #everyRoute: preHandlerHookHandler | undefined
  /** The limits that routes set, by the name of the limiter. */
  readonly #ofRoutes = new Map<
    string,
    { readonly setting: RouteLimit; readonly limit: preHandlerHookHandler }
  >()
  readonly #byConfig = new WeakMap<object, { readonly limit: preHandlerHookHandler | undefined }>()

  constructor(limit: Limit, options: PluginLimitOptions) {
    this.#limit = limit
    const { store = memoryStore(), ...rest } = withRules(options)
    this.#shared = { ...rest, store }
    this.#everyRoute = rest.rules && limit({ ...this.#shared, rules: rest.rules })
  }

  /** Returns the limit of the route of a request; undefined if it has none. */
  ofConfig(config: object, route: LimitedRoute): preHandlerHookHandler | undefined {
    const known = this.#byConfig.get(config)
    if (known !== undefined) return known.limit
    const limit = this.of(route)
    this.#byConfig.set(config, { limit })
    return limit
  }

  /** @throws OptionError for an invalid limit of the route */
  of({ method, url = '*', config }: LimitedRoute): preHandlerHookHandler | undefined {
    const setting = config?.rateLimit
    if (setting === undefined) return this.#everyRoute
    if (setting === false) return undefined
    const methods = [method].flat()
    // Fastify adds a HEAD route to each GET route.
    const shown = methods.map((each) => (each === 'HEAD' ? 'GET' : each))
    const route = `${[...new Set(shown)].join(',')} ${url}`
    for (let number = 1; ; number++) {
      const name = number === 1 ? route : `${route} ${number}`
      const known = this.#ofRoutes.get(name)
      if (known !== undefined && known.setting !== setting) continue
      const limit = known?.limit ?? this.#create(setting, name)
      this.#ofRoutes.set(name, { setting, limit })
      return limit
    }
  }

  #create(setting: Exclude<RouteLimit, false>, route: string): preHandlerHookHandler {
    const own = typeof setting === 'string' ? { limit: setting } : setting
    const inherited = this.#shared
    return relocate(
      () => {
        const { rules = inherited.rules, ...rest } = withRules(own)
        if (rules === undefined)
          throw new OptionTypeError(
            [],
            "'rateLimit' of a route needs 'limit', such as '10/minute', or 'rules'",
          )
        // Overrides name the rules that the route replaces.
        const { overrides, ...others } = inherited
        const name = [inherited.name, route].filter(Boolean).join(' ')
        const kept = rest.overrides ?? (rules === inherited.rules ? overrides : undefined)
        return this.#limit({ ...others, name, ...rest, rules, ...(kept && { overrides: kept }) })
      },
      (path) => ['config', 'rateLimit', ...path],
    )
  }
}

/** Expands `limit` to rules. */
function withRules({ limit, ...rest }: PluginLimitOptions): Partial<HttpLimitOptions<FastifyRequest>> {
  if (limit === undefined) return rest
  if (rest.rules !== undefined)
    throw new OptionTypeError(['limit'], "'limit' and 'rules' are both limits; add 'limit' to 'rules'")
  return { ...rest, rules: [{ limit }] }
}
