import { createLimiter, type Limiter, type Store } from 'sluice'
import type { PolicyConfig, RouteConfig } from '../config/config.js'
import { createRouter } from '../routing/router.js'
import type { IncomingRequest } from './incoming-request.js'

/** What the requests of one route meet. */
export interface Policy {
  /** The route's name. */
  readonly name: string
  /** Undefined where the route is not limited. */
  readonly limiter: Limiter<IncomingRequest> | undefined
  /** Whether a rule reads the body. */
  readonly readsBody: boolean
}

/** The policy that a request meets. */
export interface Admission {
  /**
   * @param method in upper case
   * @param segments decoded, as `parseTarget` gives them
   * @returns undefined where such requests are denied
   */
  policyFor(method: string, segments: readonly string[]): PolicyMatch | undefined
}

export interface PolicyMatch {
  readonly policy: Policy
  readonly params: Readonly<Record<string, string>>
}

/**
 * Makes the policies of a configuration. A route's state is kept in the store under the route's name, so that it
 * outlives the configuration: a file that is taken up again refills nobody's limits.
 */
export function createAdmission(
  routes: readonly RouteConfig[],
  fallback: PolicyConfig | 'deny',
  store: Store,
): Admission {
  const router = createRouter(
    routes.map((route) => ({ pattern: route.pattern, value: policyOf(route, store) })),
  )
  const otherwise = fallback === 'deny' ? undefined : { policy: policyOf(fallback, store), params: {} }
  return {
    policyFor(method, segments) {
      const match = router.find(method, segments)
      return match === undefined ? otherwise : { policy: match.value, params: match.params }
    },
  }
}

function policyOf({ name, rules, readsBody }: PolicyConfig, store: Store): Policy {
  const limiter =
    rules.length === 0 ? undefined : createLimiter<IncomingRequest>({ rules, store, name, keys: KEYS })
  return { name, limiter, readsBody }
}

const KEYS = {
  ip: (request: IncomingRequest) => request.ip,
  route: (request: IncomingRequest) => request.route,
  header: (request: IncomingRequest, name: string) => request.header(name),
}
