import { BoundedCache } from 'sluice/internal'
import { type GatewayConfig, policiesOf } from '../../policy/config/config.js'
import type { Policies, PolicyMatch } from '../../policy/policies.js'
import type { RoutePattern } from '../../policy/routing/route-pattern.js'
import { BadTargetError, parseTarget } from '../../policy/routing/target.js'
import { detachString } from '../columns/detach-string.js'
import { TraceError, type TraceRequest } from '../trace/trace-request.js'

/** Where a recorded request goes. */
interface Routed {
  /** Undefined where no route takes it. */
  readonly match: PolicyMatch | undefined
  /** Normalised. */
  readonly path: string
  /** A target that the gateway does not take, and why. */
  readonly fault?: string
}

/** Finds the route of recorded requests. Undefined: it is not to be played. */
export type FindRoute = (request: TraceRequest) => Routed | undefined

/** Paths whose route is remembered. */
const MAX_KNOWN = 10_000

/**
 * Makes what finds the route of a request: by its recorded path; where there is none, the route that was said, or the only one
 * that there is. Of a trace with paths, requests of other routes than the one that was said are passed over.
 *
 * @param route the `match` of a route, `default`, or a method and path such as `POST /models/heavy/predict`
 * @throws TraceError for a route that there is not.
 */
export function routeFinder(
  config: Pick<GatewayConfig, 'routes' | 'fallback'>,
  admission: Policies,
  route: string | undefined,
): FindRoute {
  const said = route === undefined ? undefined : saidRoute(config, admission, route)
  const otherwise = said ?? onlyRoute(config, admission)
  const known = new BoundedCache<string, Routed>(MAX_KNOWN)
  let hasPaths = false
  const find = (method: string, target: string): Routed => {
    const query = target.indexOf('?')
    const path = query < 0 ? target : target.slice(0, query)
    const id = `${method} ${path}`
    const before = known.get(id)
    if (before !== undefined) return before
    const found = routed(admission, method, detachString(path))
    known.set(id, found)
    return found
  }
  return ({ method = 'POST', target }) => {
    if (target === undefined) {
      if (otherwise !== undefined) return otherwise
      // One line of many that is incomplete ends no replay.
      if (hasPaths) return { match: undefined, path: '', fault: 'the trace does not say its path' }
      throw new TraceError(
        `the trace does not say which route its requests take; say it with --route, one of ${namesOf(config).join(', ')}`,
      )
    }
    hasPaths = true
    const found = find(method, target)
    const isSaid = said === undefined || found.match?.policy === said.match?.policy
    return isSaid ? found : undefined
  }
}

function routed(admission: Policies, method: string, path: string): Routed {
  try {
    const target = parseTarget(path)
    return { match: admission.policyFor(method, target.segments), path: target.path }
  } catch (error) {
    if (!(error instanceof BadTargetError)) throw error
    return { match: undefined, path, fault: error.message }
  }
}

function saidRoute(
  config: Pick<GatewayConfig, 'routes' | 'fallback'>,
  admission: Policies,
  said: string,
): Routed {
  const pattern = config.routes.find(({ name }) => name === said)?.pattern
  if (pattern !== undefined) return ofPattern(admission, pattern)
  if (said === 'default' && config.fallback !== 'deny') {
    const unmatched = { match: admission.policyFor('GET', [UNLIKELY, UNLIKELY]), path: `/${UNLIKELY}` }
    if (unmatched.match?.policy.name === 'default') return unmatched
  }
  const [, method = '', path = ''] = /^([A-Z]+) +(\/\S*)$/.exec(said.trim()) ?? []
  const found = path === '' ? undefined : routed(admission, method, path)
  if (found?.match !== undefined) return found
  throw new TraceError(
    `there is no route '${said.slice(0, 80)}'; there are ${namesOf(config).join(', ')}; a method and path such as POST /predict will do too`,
  )
}

/** A segment that stands for what a parameter matches, where that was not recorded. */
const UNLIKELY = 'not-recorded'

function ofPattern(admission: Policies, { method = 'POST', segments, rest }: RoutePattern): Routed {
  const texts = segments.map((segment) =>
    segment.kind === 'literal' ? segment.text : `${UNLIKELY}${segment.suffix}`,
  )
  const all = rest ? [...texts, UNLIKELY] : texts
  return { match: admission.policyFor(method, all), path: `/${all.join('/')}` }
}

function onlyRoute(
  config: Pick<GatewayConfig, 'routes' | 'fallback'>,
  admission: Policies,
): Routed | undefined {
  const [name, ...others] = namesOf(config)
  return name === undefined || others.length > 0 ? undefined : saidRoute(config, admission, name)
}

/** The routes that have something to decide; all of them, where none has. */
function namesOf(config: Pick<GatewayConfig, 'routes' | 'fallback'>): string[] {
  const all = policiesOf(config)
  const limited = all.filter(({ rules, require }) => rules.length > 0 || require !== undefined)
  return (limited.length > 0 ? limited : all).map(({ name }) => name)
}
