import { z } from 'zod'
import {
  PatternError,
  type PatternSegment,
  parsePattern,
  type RoutePattern,
} from '../../routing/route-pattern.js'
import { shadows } from '../../routing/router.js'
import { type Expression, requireExpression } from '../cel/expression.js'
import type { PolicyConfig, RouteConfig } from '../config.js'
import { readsBody } from '../limits/limit-entry.js'
import { reported } from '../limits/limit-key.js'
import { limitsDecoder, visibleOf } from '../limits/limit-list.js'
import type { Algorithm } from '../limits/limit-shape.js'
import { withTokenCosts } from '../limits/token-limits.js'
import { type Decoder, listOf, mapOf, scalar, type Values, withKeysOf } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { integer, string } from '../yaml/scalars.js'
import { type ConfigNode, quote } from '../yaml/yaml-node.js'
import { decodeAnswers } from './answers-section.js'
import { decodeBodyTypes } from './body-types-section.js'
import { decodeCors } from './cors-section.js'
import { llmDecoder } from './llm-section.js'
import { networkList } from './network-list.js'
import { decodeOnUnreadable, PASS_WITH_LLM } from './on-unreadable-section.js'
import { decodeWarmUp } from './warm-up-section.js'

const MAX_ROUTES = 1000

interface LocatedRoute {
  /** The node of `match`. */
  readonly node: ConfigNode
  readonly pattern: RoutePattern | undefined
  readonly policy: Omit<PolicyConfig, 'name'>
}

function routeDecoder(algorithm: Algorithm | undefined): Decoder<LocatedRoute> {
  return withKeysOf(routeMap([], '', algorithm), (node, problems) => {
    const match = node.kind === 'map' ? node.entries.get('match')?.value : undefined
    if (node.kind === 'map' && match === undefined) {
      problems.at(node, "a route requires 'match', such as POST /predict")
    }
    const pattern = match && decodePattern(match, problems)
    const params = pattern?.segments.filter(isParam).map((segment) => segment.name)
    const values = routeMap(params, pattern ? literalPath(pattern) : '', algorithm)(node, problems)
    return values && { node: match ?? node, pattern, policy: policyOf(values, node, problems) }
  })
}

/**
 * Creates the decoder of `routes`: the policies for requests, by method and path.
 *
 * @param algorithm the algorithm of limits without their own, if it is not a token bucket
 */
export function routesDecoder(algorithm: Algorithm | undefined): Decoder<readonly RouteConfig[]> {
  const routeList = listOf(
    routeDecoder(algorithm),
    'a list of routes such as { match: POST /predict, limits: [10/minute] }',
    MAX_ROUTES,
  )
  return withKeysOf(routeList, (node, problems) => {
    const routes = routeList(node, problems)
    if (routes === undefined) return undefined
    checkReachable(routes, problems)
    return routes.flatMap(({ pattern, policy }) =>
      pattern === undefined ? [] : [{ ...policy, name: pattern.source, pattern }],
    )
  })
}

/**
 * Creates the decoder of `default`: the policy for requests that match no route.
 *
 * @param algorithm the algorithm of limits without their own, if it is not a token bucket
 */
export function defaultDecoder(algorithm: Algorithm | undefined): Decoder<PolicyConfig | 'deny'> {
  const defaultMap = mapOf(policyShape([], '', algorithm), "'deny', or a map such as { limits: [60/minute] }")
  return withKeysOf(defaultMap, (node, problems) => {
    if (node.kind === 'scalar' && node.value === 'deny') return 'deny'
    const values = defaultMap(node, problems)
    return values && { ...policyOf(values, node, problems), name: 'default' }
  })
}

function routeMap(params: readonly string[] | undefined, path: string, algorithm: Algorithm | undefined) {
  // `match` is decoded first, since the other keys depend on it.
  const shape = { match: () => undefined, ...policyShape(params, path, algorithm) }
  return mapOf(shape, 'a map such as { match: POST /predict, limits: [10/minute] }')
}

/** Formats a pattern's path with `:` for a parameter and `*` for the rest. */
function literalPath({ segments, rest }: RoutePattern): string {
  const texts = segments.map((segment) => (segment.kind === 'literal' ? segment.text : ':'))
  return ['', ...texts, ...(rest ? ['*'] : [])].join('/')
}

function isParam(segment: PatternSegment): segment is PatternSegment & { readonly kind: 'param' } {
  return segment.kind === 'param'
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
function policyShape(params: readonly string[] | undefined, path: string, algorithm: Algorithm | undefined) {
  const requirement: Decoder<Expression<boolean>> = (node, problems) => {
    const source = string('"client.tier == \'premium\'"')(node, problems)
    return source === undefined ? undefined : reported(node, requireExpression(source, params), problems)
  }
  return {
    limits: limitsDecoder(params, algorithm),
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
    llm: llmDecoder(path),
    on_unreadable: decodeOnUnreadable,
    body_types: decodeBodyTypes,
    cors: decodeCors,
  }
}

function policyOf(
  values: Values<ReturnType<typeof policyShape>>,
  node: ConfigNode,
  problems: Problems,
): Omit<PolicyConfig, 'name'> {
  const { limits = [], require: requirement, refuse_with: refuseWith, warm_up: warmUp, llm } = values
  const { on_unreadable: onUnreadable, body_types: bodyTypes, allow, answers, cors } = values
  if (refuseWith !== undefined && node.kind === 'map' && !node.entries.has('require'))
    problems.at(node, "'refuse_with' requires 'require'; add 'require', or remove 'refuse_with'")
  const rules = withTokenCosts(limits, llm?.options, problems)
  if (onUnreadable === 'pass' && llm !== undefined) {
    const onUnreadableNode = node.kind === 'map' ? node.entries.get('on_unreadable')?.value : undefined
    problems.at(onUnreadableNode ?? node, PASS_WITH_LLM)
  }
  return {
    rules,
    visible: visibleOf(limits),
    readsBody: readsBody(rules) || requirement?.readsBody === true,
    ...(llm && { llm: llm.options }),
    ...(llm?.mirror && { mirror: llm.mirror }),
    ...(llm?.errorShape && { errorShape: llm.errorShape }),
    ...(llm && { maxRetryWaitMs: llm.maxRetryWaitMs }),
    ...(answers !== undefined && { answers }),
    ...(requirement !== undefined && { require: requirement }),
    ...(refuseWith !== undefined && { refuseWith }),
    ...(warmUp !== undefined && { warmUp }),
    ...(onUnreadable !== undefined && { onUnreadable }),
    ...(bodyTypes !== undefined && { bodyTypes }),
    ...(allow !== undefined && { allow }),
    ...(cors !== undefined && { cors }),
  }
}

/** Reports routes that are unreachable because of an earlier route. */
function checkReachable(routes: readonly LocatedRoute[], problems: Problems): void {
  const earlier: { readonly pattern: RoutePattern; readonly node: ConfigNode }[] = []
  for (const { pattern, node } of routes) {
    if (pattern === undefined) continue
    const shadowing = earlier.find((route) => shadows(route.pattern, pattern))
    if (shadowing !== undefined) {
      const reason = `${quote(shadowing.pattern.source)} on line ${problems.lineOf(shadowing.node)} matches all its requests`
      problems.at(node, `this route is never reached: ${reason}; move this route up, or remove it`)
    }
    earlier.push({ pattern, node })
  }
}
