import { BoundedCache } from 'sluice/internal'
import { type GatewayConfig, policiesOf } from '../../policy/config/config.js'
import type { Policies, PolicyMatch } from '../../policy/policies.js'
import type { RoutePattern } from '../../policy/routing/route-pattern.js'
import { BadTargetError, parseTarget } from '../../policy/routing/target.js'
import { detachString } from '../columns/detach-string.js'
import { TraceError, type TraceRequest } from '../trace/trace-request.js'

/** Route of a recorded request. */
interface Routed {
  /** Undefined if no route matches. */
  readonly match: PolicyMatch | undefined
  /** Normalized path. */
  readonly path: string
  /** Why the gateway would reject the target. */
  readonly fault?: string
}

/** Finds the route of a recorded request; undefined if the request is to be skipped. */
export type FindRoute = (request: TraceRequest) => Routed | undefined

/** Maximum number of paths whose route is cached. */
const MAX_CACHED = 10_000

/**
 * Creates a function that finds the route of a request by its recorded path. A request without a
 * path uses the selected route, or the only one. If the trace has paths, requests to routes that
 * are not selected are skipped.
 *
 * @param route the `match` of a route, `default`, or a method and path such as `POST
 *   /models/heavy/predict`
 * @throws TraceError if the route does not exist
 */
export function routeFinder(
  config: Pick<GatewayConfig, 'routes' | 'fallback'>,
  policies: Policies,
  route: string | undefined,
): FindRoute {
  const selected = route === undefined ? undefined : namedRoute(config, policies, route)
  const defaultRoute = selected ?? onlyRoute(config, policies)
  const cache = new BoundedCache<string, Routed>(MAX_CACHED)
  let hasPaths = false
  const find = (method: string, target: string): Routed => {
    const query = target.indexOf('?')
    const path = query < 0 ? target : target.slice(0, query)
    const id = `${method} ${path}`
    const cached = cache.get(id)
    if (cached !== undefined) return cached
    const found = routeOf(policies, method, detachString(path))
    cache.set(id, found)
    return found
  }
  return ({ method = 'POST', target }) => {
    if (target === undefined) {
      if (defaultRoute !== undefined) return defaultRoute
      // A single incomplete line must not abort the replay.
      if (hasPaths) return { match: undefined, path: '', fault: 'the request has no recorded path' }
      throw new TraceError(
        `the trace has no paths; choose a route with --route: one of ${namesOf(config).join(', ')}`,
      )
    }
    hasPaths = true
    const found = find(method, target)
    const isSelected = selected === undefined || found.match?.policy === selected.match?.policy
    return isSelected ? found : undefined
  }
}

function routeOf(policies: Policies, method: string, path: string): Routed {
  try {
    const target = parseTarget(path)
    return { match: policies.policyFor(method, target.segments), path: target.path }
  } catch (error) {
    if (!(error instanceof BadTargetError)) throw error
    return { match: undefined, path, fault: error.message }
  }
}

function namedRoute(
  config: Pick<GatewayConfig, 'routes' | 'fallback'>,
  policies: Policies,
  selected: string,
): Routed {
  const pattern = config.routes.find(({ name }) => name === selected)?.pattern
  if (pattern !== undefined) return ofPattern(policies, pattern)
  if (selected === 'default' && config.fallback !== 'deny') {
    const unmatched = { match: policies.policyFor('GET', [UNRECORDED, UNRECORDED]), path: `/${UNRECORDED}` }
    if (unmatched.match?.policy.name === 'default') return unmatched
  }
  const [, method = '', path = ''] = /^([A-Z]+) +(\/\S*)$/.exec(selected.trim()) ?? []
  const found = path === '' ? undefined : routeOf(policies, method, path)
  if (found?.match !== undefined) return found
  throw new TraceError(
    `unknown route '${selected.slice(0, 80)}'; use one of ${namesOf(config).join(', ')}, or a method and path such as POST /predict`,
  )
}

/** Value of a path parameter that was not recorded. */
const UNRECORDED = 'not-recorded'

function ofPattern(policies: Policies, { method = 'POST', segments, rest }: RoutePattern): Routed {
  const path = segments.map((segment) =>
    segment.kind === 'literal' ? segment.text : `${UNRECORDED}${segment.suffix}`,
  )
  const all = rest ? [...path, UNRECORDED] : path
  return { match: policies.policyFor(method, all), path: `/${all.join('/')}` }
}

function onlyRoute(
  config: Pick<GatewayConfig, 'routes' | 'fallback'>,
  policies: Policies,
): Routed | undefined {
  const [name, ...others] = namesOf(config)
  return name === undefined || others.length > 0 ? undefined : namedRoute(config, policies, name)
}

/** Returns the names of the routes with rules or requirements; of all routes if none has any. */
function namesOf(config: Pick<GatewayConfig, 'routes' | 'fallback'>): string[] {
  const all = policiesOf(config)
  const limited = all.filter(({ rules, require }) => rules.length > 0 || require !== undefined)
  return (limited.length > 0 ? limited : all).map(({ name }) => name)
}
