import type { ExpressionScope, KnownLabels } from '../cel/expression-scope.js'
import type { PolicyConfig, RouteConfig } from '../config.js'
import type { Algorithm } from '../limits/limit-shape.js'
import { type Decoder, listOf, mapOf, transform, withKeysOf } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { name as nameInResponses } from '../yaml/scalars.js'
import { type ConfigNode, entryOf, quote } from '../yaml/yaml-node.js'
import {
  checkReachable,
  checkVariants,
  commonParams,
  decodePatterns,
  isModelList,
  type LocatedPattern,
  literalPath,
  modelListOf,
  shapeOf,
} from './route-patterns.js'
import { policyOf, policyShape } from './route-policy.js'

const MAX_ROUTES = 1000

interface LocatedRoute {
  /** The patterns of `match`. */
  readonly patterns: readonly LocatedPattern[]
  /** The node of `name`. */
  readonly nameNode: ConfigNode | undefined
  readonly name: string | undefined
  readonly policy: Omit<PolicyConfig, 'name'>
}

function routeDecoder(
  algorithm: Algorithm | undefined,
  labels: KnownLabels,
  upstreams: readonly string[],
): Decoder<LocatedRoute> {
  return withKeysOf(routeMap({ params: [] }, '', algorithm, upstreams), (node, problems) => {
    const match = node.kind === 'map' ? node.entries.get('match')?.value : undefined
    if (node.kind === 'map' && match === undefined) {
      problems.at(node, "a route requires 'match', such as POST /predict")
    }
    const found = match === undefined ? [] : decodePatterns(match, problems)
    const listsModels = entryOf(node, 'models') !== undefined && isModelList(found)
    const scope = { params: commonParams(found), labels, hasModel: hasLlm(node) && !listsModels }
    const path = found[0] === undefined ? '' : literalPath(found[0].pattern)
    const values = routeMap(scope, path, algorithm, upstreams, listsModels)(node, problems)
    if (values === undefined) return undefined
    const patterns = found.map((each) => ({
      ...each,
      shape: shapeOf(values.llm, each.pattern, node),
      modelList: listsModels ? modelListOf(each.pattern, values.models) : undefined,
    }))
    const policy = policyOf(values, node, problems, patterns.slice(1))
    checkVariants(patterns, values.llm?.options !== undefined, problems)
    return { patterns, nameNode: entryOf(node, 'name'), name: values.name, policy }
  })
}

/**
 * Creates the decoder of `routes`: the policies for requests, by method and path.
 *
 * @param algorithm the algorithm of limits without their own, if it is not a token bucket
 * @param labels the labels of clients
 * @param upstreams the names of all upstreams
 */
export function routesDecoder(
  algorithm: Algorithm | undefined,
  labels: KnownLabels,
  upstreams: readonly string[],
): Decoder<readonly RouteConfig[]> {
  const routeList = listOf(
    routeDecoder(algorithm, labels, upstreams),
    'a list of routes such as { match: POST /predict, limits: [10/minute] }',
    MAX_ROUTES,
  )
  return withKeysOf(routeList, (node, problems) => {
    const routes = routeList(node, problems)
    if (routes === undefined) return undefined
    checkReachable(
      routes.flatMap(({ patterns }) => patterns),
      problems,
    )
    checkRouteNames(routes, problems)
    return routes.flatMap(({ patterns: [first, ...others], name, policy }) => {
      if (first === undefined) return []
      const otherPatterns = others.map(({ pattern, shape, modelList }) => ({
        pattern,
        ...(shape && { shape }),
        ...(modelList && { modelList }),
      }))
      const { pattern, modelList } = first
      const route = { ...policy, name: name ?? pattern.source, pattern, ...(modelList && { modelList }) }
      return [others.length === 0 ? route : { ...route, otherPatterns }]
    })
  })
}

/**
 * Creates the decoder of `default`: the policy for requests that match no route.
 *
 * @param algorithm the algorithm of limits without their own, if it is not a token bucket
 * @param labels the labels of clients
 * @param upstreams the names of all upstreams
 */
export function defaultDecoder(
  algorithm: Algorithm | undefined,
  labels: KnownLabels,
  upstreams: readonly string[],
): Decoder<PolicyConfig | 'deny'> {
  const defaultMap = (scope: ExpressionScope) =>
    mapOf(policyShape(scope, '', algorithm, upstreams), "'deny', or a map such as { limits: [60/minute] }")
  return withKeysOf(defaultMap({ params: [] }), (node, problems) => {
    if (node.kind === 'scalar' && node.value === 'deny') return 'deny'
    const values = defaultMap({ params: [], labels, hasModel: hasLlm(node) })(node, problems)
    return values && { ...policyOf(values, node, problems), name: 'default' }
  })
}

/** Reports whether the requests of a policy are model calls. */
function hasLlm(node: ConfigNode): boolean {
  return entryOf(node, 'llm') !== undefined
}

function routeMap(
  scope: ExpressionScope,
  path: string,
  algorithm: Algorithm | undefined,
  upstreams: readonly string[],
  listsModels = false,
) {
  // `match` is decoded first, since the other keys depend on it.
  const shape = {
    match: () => undefined,
    name: routeName,
    ...policyShape(scope, path, algorithm, upstreams, listsModels),
  }
  return mapOf(shape, 'a map such as { match: POST /predict, limits: [10/minute] }')
}

const routeName = transform(nameInResponses, (name) => {
  if (RESERVED_NAMES.includes(name))
    throw new TypeError(`no route can be called '${name}'; choose another name`)
  return name
})

/** Names under which metrics count other requests. */
const RESERVED_NAMES = ['default', 'usage', 'unrouted']

/** Reports routes with the same name, which would share their counts. */
function checkRouteNames(routes: readonly LocatedRoute[], problems: Problems): void {
  const seen = new Map<string, LocatedRoute>()
  for (const route of routes) {
    const routeName = route.name ?? route.patterns[0]?.pattern.source
    if (routeName === undefined) continue
    const other = seen.get(routeName)
    if (other === undefined) seen.set(routeName, route)
    // Of two routes with the same pattern and no name, the second is never reached.
    else if (route.name !== undefined || other.name !== undefined)
      problems.at(
        nameNodeOf(route),
        `the route on line ${problems.lineOf(nameNodeOf(other))} is called ${quote(routeName)} too; choose another name`,
      )
  }
}

function nameNodeOf({ nameNode, patterns: [first] }: LocatedRoute): ConfigNode {
  return nameNode ?? (first as LocatedPattern).node
}
