import { z } from 'zod'
import type { LlmRouteOptions } from '../../llm/llm-call.js'
import { type ListAnswer, listAnswerOf } from '../../llm/model-list.js'
import type { ModelAccess, ModelList } from '../../model-access.js'
import {
  PatternError,
  type PatternSegment,
  parsePattern,
  type RoutePattern,
} from '../../routing/route-pattern.js'
import { shadows } from '../../routing/router.js'
import { type Expression, requireExpression } from '../cel/expression.js'
import type { ExpressionScope, KnownLabels } from '../cel/expression-scope.js'
import type { PolicyConfig, RouteConfig } from '../config.js'
import { readsBody, readsModel } from '../limits/limit-entry.js'
import { reported } from '../limits/limit-key.js'
import { limitsDecoder, visibleOf } from '../limits/limit-list.js'
import type { Algorithm } from '../limits/limit-shape.js'
import { withTokenCosts } from '../limits/token-limits.js'
import { type Decoder, listOf, mapOf, scalar, transform, type Values, withKeysOf } from '../yaml/decoders.js'
import { Problems } from '../yaml/diagnostics.js'
import { integer, name as nameInResponses, string } from '../yaml/scalars.js'
import { type ConfigNode, entryOf, quote } from '../yaml/yaml-node.js'
import { decodeAnswers } from './answers-section.js'
import { decodeBodyTypes } from './body-types-section.js'
import { decodeCors } from './cors-section.js'
import { decodeListVendor, type LlmSection, llmDecoder } from './llm-section.js'
import { type ModelsSection, modelsDecoder } from './models-section.js'
import { networkList } from './network-list.js'
import { decodeOnUnreadable, PASS_WITH_LLM } from './on-unreadable-section.js'
import { routeUpstreamDecoder } from './route-upstream.js'
import { decodeWarmUp } from './warm-up-section.js'

const MAX_ROUTES = 1000

interface LocatedRoute {
  /** The patterns of `match`. */
  readonly patterns: readonly LocatedPattern[]
  /** The node of `name`. */
  readonly nameNode: ConfigNode | undefined
  readonly name: string | undefined
  readonly policy: Omit<PolicyConfig, 'name'>
}

interface LocatedPattern {
  readonly node: ConfigNode
  readonly pattern: RoutePattern
  /** The API of its path, if the route reads model calls. */
  readonly shape: LlmRouteOptions['shape'] | undefined
  /** Set if its path lists models. */
  readonly modelList: ModelList | undefined
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

/** Formats a pattern's path with `:` for a parameter, before its suffix, and `*` for the rest. */
function literalPath({ segments, rest }: RoutePattern): string {
  const texts = segments.map((segment) => (segment.kind === 'literal' ? segment.text : `:${segment.suffix}`))
  return ['', ...texts, ...(rest ? ['*'] : [])].join('/')
}

function isParam(segment: PatternSegment): segment is PatternSegment & { readonly kind: 'param' } {
  return segment.kind === 'param'
}

/** Maximum number of patterns of one route. */
const MAX_PATTERNS = 32

/** Decodes `match`: a pattern, or a list of patterns that are one route. */
function decodePatterns(
  node: ConfigNode,
  problems: Problems,
): readonly { readonly node: ConfigNode; readonly pattern: RoutePattern }[] {
  if (node.kind === 'list' && (node.items.length === 0 || node.items.length > MAX_PATTERNS))
    problems.at(node, `'match' must have 1 to ${MAX_PATTERNS} patterns such as POST /predict`)
  const items = node.kind === 'list' ? node.items.slice(0, MAX_PATTERNS) : [node]
  return items.flatMap((item) => {
    const pattern = decodePattern(item, problems)
    return pattern === undefined ? [] : [{ node: item, pattern }]
  })
}

/** Returns the parameters that every pattern of a route has; undefined if there is no valid pattern. */
function commonParams(
  patterns: readonly { readonly pattern: RoutePattern }[],
): readonly string[] | undefined {
  const [first, ...others] = patterns.map(({ pattern }) =>
    pattern.segments.filter(isParam).map((segment) => segment.name),
  )
  return first?.filter((name) => others.every((params) => params.includes(name)))
}

/** Reports whether all requests of a route list models. */
function isModelList(patterns: readonly { readonly pattern: RoutePattern }[]): boolean {
  return patterns.length > 0 && patterns.every(({ pattern }) => listAnswer(pattern) !== undefined)
}

function listAnswer(pattern: RoutePattern): ListAnswer | undefined {
  const params = pattern.segments.filter(isParam).map(({ name }) => name)
  return pattern.method === 'GET' ? listAnswerOf(literalPath(pattern), params) : undefined
}

function modelListOf(pattern: RoutePattern, section: ModelsSection | undefined): ModelList | undefined {
  const answer = listAnswer(pattern)
  return answer && { answer, access: accessOf(section), ...(section?.list && { models: section.list }) }
}

/** Returns the shape of model calls to the path of a pattern. A vendor has several. */
function shapeOf(
  first: LlmSection | undefined,
  pattern: RoutePattern,
  node: ConfigNode,
): LlmRouteOptions['shape'] | undefined {
  const llmNode = entryOf(node, 'llm')
  if (first === undefined || llmNode === undefined) return undefined
  // Problems that do not depend on the path have been reported for the first pattern.
  return llmDecoder(literalPath(pattern))(llmNode, new Problems(''))?.options?.shape
}

/** Reports patterns whose path does not determine how model calls are metered. */
function checkVariants(patterns: readonly LocatedPattern[], hasLlm: boolean, problems: Problems): void {
  for (const { node, pattern, shape } of patterns)
    if (hasLlm && shape === undefined)
      problems.at(
        node,
        `the path of ${quote(pattern.source)} does not determine the shape of 'llm'; move it to a route of its own`,
      )
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

function decodePattern(node: ConfigNode, problems: Problems): RoutePattern | undefined {
  const source = string('POST /predict')(node, problems)
  if (source === undefined) return undefined
  try {
    return parsePattern(source)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    problems.inString(node, error.at, error.message)
    return undefined
  }
}

/** The keys that routes and `default` have in common. */
function policyShape(
  scope: ExpressionScope,
  path: string,
  algorithm: Algorithm | undefined,
  upstreams: readonly string[],
  listsModels = false,
) {
  const requirement: Decoder<Expression<boolean>> = (node, problems) => {
    const source = string('"client.tier == \'premium\'"')(node, problems)
    return source === undefined ? undefined : reported(node, requireExpression(source, scope), problems)
  }
  return {
    upstream: routeUpstreamDecoder(scope, upstreams),
    limits: limitsDecoder(scope, algorithm),
    allow: networkList('a list of addresses and networks such as [10.0.0.0/8]'),
    require: requirement,
    refuse_with: mapOf(
      {
        status: integer(400, 499),
        detail: scalar(z.string().min(1).max(1000), 'a string of 1 to 1000 characters'),
      },
      'a map such as { status: 403, detail: Premium access required }',
    ),
    answers: decodeAnswers,
    warm_up: decodeWarmUp,
    llm: listsModels ? decodeListVendor : llmDecoder(path),
    models: modelsDecoder(scope, listsModels),
    unpriced: scalar(z.literal('allow'), 'allow'),
    on_unreadable: decodeOnUnreadable,
    body_types: decodeBodyTypes,
    cors: decodeCors,
  }
}

function policyOf(
  values: Values<ReturnType<typeof policyShape>>,
  node: ConfigNode,
  problems: Problems,
  others: readonly Pick<LocatedPattern, 'shape'>[] = [],
): Omit<PolicyConfig, 'name'> {
  const { limits = [], require: requirement, refuse_with: refuseWith, warm_up: warmUp, llm } = values
  const { on_unreadable: onUnreadable, body_types: bodyTypes, allow, answers, cors, upstream } = values
  const choice = typeof upstream === 'function' ? upstream : undefined
  if (refuseWith !== undefined && node.kind === 'map' && !node.entries.has('require'))
    problems.at(node, "'refuse_with' requires 'require'; add 'require', or remove 'refuse_with'")
  const rules = withTokenCosts(limits, llm?.options, problems, others)
  const models = modelAccess(
    values.models,
    llm?.options,
    [requirement, choice].some((expression) => expression?.readsModel) || readsModel(rules),
    node,
    problems,
  )
  if (onUnreadable === 'pass' && llm !== undefined) {
    const onUnreadableNode = node.kind === 'map' ? node.entries.get('on_unreadable')?.value : undefined
    problems.at(onUnreadableNode ?? node, PASS_WITH_LLM)
  }
  return {
    rules,
    visible: visibleOf(limits),
    readsBody: [requirement, choice].some((expression) => expression?.readsBody) || readsBody(rules),
    ...(llm?.options && { llm: llm.options }),
    ...(models && { models }),
    ...(llm?.mirror && { mirror: llm.mirror }),
    ...(llm?.errorShape && { errorShape: llm.errorShape }),
    ...(llm && { maxRetryWaitMs: llm.maxRetryWaitMs }),
    ...(answers !== undefined && { answers }),
    ...(upstream !== undefined && { upstream }),
    ...(requirement !== undefined && { require: requirement }),
    ...(refuseWith !== undefined && { refuseWith }),
    ...(warmUp !== undefined && { warmUp }),
    ...(onUnreadable !== undefined && { onUnreadable }),
    ...(bodyTypes !== undefined && { bodyTypes }),
    ...(allow !== undefined && { allow }),
    ...(cors !== undefined && { cors }),
    ...(values.unpriced !== undefined && { refusesUnpriced: false }),
  }
}

/**
 * Returns how the model of calls is read, and which models are allowed.
 *
 * @param isRead true if an expression reads the model
 */
function modelAccess(
  section: ModelsSection | undefined,
  llm: LlmRouteOptions | undefined,
  isRead: boolean,
  node: ConfigNode,
  problems: Problems,
): ModelAccess | undefined {
  const sectionNode = entryOf(node, 'models') ?? node
  if (llm === undefined) {
    // On a route that lists models, 'llm' only names the API.
    if (section !== undefined && entryOf(node, 'llm') === undefined)
      problems.at(
        sectionNode,
        "'models' requires 'llm', which determines where a call names its model; add 'llm'",
      )
    return undefined
  }
  // Only a custom shape has a pointer of its own, and it does not depend on the path.
  const { modelPointer: pointer } = typeof llm.shape === 'object' ? llm.shape : {}
  if ((section !== undefined || isRead) && pointer === '')
    problems.at(sectionNode, 'the shape has no pointer to the model; write, for example, model: /model')
  if (section?.alias !== undefined && pointer !== undefined && /.[/~]/.test(pointer))
    problems.at(
      entryOf(sectionNode, 'alias') ?? sectionNode,
      `'alias' requires a model at the top of the request, not at '${pointer}'`,
    )
  return pointer === '' ? undefined : { shape: llm.shape, ...accessOf(section) }
}

function accessOf({ allow, alias }: ModelsSection = {}): ModelList['access'] {
  return {
    ...(allow && {
      allow: typeof allow === 'function' ? allow : Object.assign(() => allow, { source: allow.join(', ') }),
    }),
    ...(alias && { alias }),
  }
}

/** Reports routes that are unreachable because of an earlier route. */
function checkReachable(patterns: readonly LocatedPattern[], problems: Problems): void {
  const earlier: { readonly pattern: RoutePattern; readonly node: ConfigNode }[] = []
  for (const { pattern, node } of patterns) {
    const shadowing = earlier.find((route) => shadows(route.pattern, pattern))
    if (shadowing !== undefined) {
      const reason = `${quote(shadowing.pattern.source)} on line ${problems.lineOf(shadowing.node)} matches all its requests`
      problems.at(node, `this route is never reached: ${reason}; move this route up, or remove it`)
    }
    earlier.push({ pattern, node })
  }
}
