import { z } from 'zod'
import {
  PatternError,
  type PatternSegment,
  parsePattern,
  type RoutePattern,
} from '../../routing/route-pattern.js'
import { shadowedBy } from '../../routing/router.js'
import { type Expression, requireExpression } from '../cel/expression.js'
import type { PolicyConfig, RouteConfig } from '../config.js'
import { readsBody } from '../limits/limit-entry.js'
import { reported } from '../limits/limit-key.js'
import { readLimits } from '../limits/limit-list.js'
import { withTokenCosts } from '../limits/token-limits.js'
import { listOf, mapOf, type Read, single, type Values } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { text, wholeNumber } from '../yaml/scalars.js'
import { type ConfigNode, quoted } from '../yaml/yaml-node.js'
import { readBodyTypes } from './body-types-section.js'
import { readLlm } from './llm-section.js'
import { PASS_WITH_LLM, readOnUnreadable } from './on-unreadable-section.js'
import { readWarmUp } from './warm-up-section.js'

/** `routes` and `default`: which requests meet which limits. */

const MAX_ROUTES = 1000

interface ReadRoute {
  /** Where the `match` stands. */
  readonly node: ConfigNode
  readonly pattern: RoutePattern | undefined
  readonly policy: Omit<PolicyConfig, 'name'>
}

/** Reads the list of routes. */
export const readRoutes: Read<readonly RouteConfig[]> = (node, problems) => {
  const wanted = 'a list of routes such as { match: POST /predict, limits: [10/minute] }'
  const routes = listOf(readRoute, wanted, MAX_ROUTES)(node, problems)
  if (routes === undefined) return undefined
  checkReach(routes, problems)
  return routes.flatMap(({ pattern, policy }) =>
    pattern === undefined ? [] : [{ ...policy, name: pattern.source, pattern }],
  )
}

/** Reads what requests meet that match no route. */
export const readDefault: Read<PolicyConfig | 'deny'> = (node, problems) => {
  if (node.kind === 'scalar' && node.value === 'deny') return 'deny'
  const values = mapOf(policyShape([], ''), "'deny', or a map such as { limits: [60/minute] }")(
    node,
    problems,
  )
  return values && { ...policyOf(values, node, problems), name: 'default' }
}

const readRoute: Read<ReadRoute> = (node, problems) => {
  const match = node.kind === 'map' ? node.entries.get('match')?.value : undefined
  if (node.kind === 'map' && match === undefined) {
    problems.at(node, "a route has a 'match', such as POST /predict")
  }
  const pattern = match && readPattern(match, problems)
  const params = pattern?.segments.filter(isParam).map((segment) => segment.name)
  // The match has been read: here it is only known to be allowed.
  const shape = { match: () => undefined, ...policyShape(params, pattern ? literalPath(pattern) : '') }
  const values = mapOf(shape, 'a map such as { match: POST /predict, limits: [10/minute] }')(node, problems)
  return values && { node: match ?? node, pattern, policy: policyOf(values, node, problems) }
}

/** The path as far as it is the same for all requests that match. */
function literalPath({ segments, rest }: RoutePattern): string {
  const texts = segments.map((segment) => (segment.kind === 'literal' ? segment.text : ':'))
  return ['', ...texts, ...(rest ? ['*'] : [])].join('/')
}

function isParam(segment: PatternSegment): segment is PatternSegment & { readonly kind: 'param' } {
  return segment.kind === 'param'
}

const readPattern: Read<RoutePattern> = (node, problems) => {
  const source = text('POST /predict')(node, problems)
  if (source === undefined) return undefined
  try {
    return parsePattern(source)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    problems.inText(node, error.at, error.message)
    return undefined
  }
}

/** What a policy is made of, beside what it is for. */
function policyShape(params: readonly string[] | undefined, path: string) {
  const requirement: Read<Expression<boolean>> = (node, problems) => {
    const source = text('"client.tier == \'premium\'"')(node, problems)
    return source === undefined ? undefined : reported(node, requireExpression(source, params), problems)
  }
  return {
    limits: readLimits(params),
    require: requirement,
    refuse_with: mapOf(
      {
        status: wholeNumber(400, 499),
        detail: single(z.string().min(1).max(1000), 'a text of 1 to 1000 characters'),
      },
      'a map such as { status: 403, detail: Premium access required }',
    ),
    warm_up: readWarmUp,
    llm: readLlm(path),
    on_unreadable: readOnUnreadable,
    body_types: readBodyTypes,
  }
}

function policyOf(
  values: Values<ReturnType<typeof policyShape>>,
  node: ConfigNode,
  problems: Problems,
): Omit<PolicyConfig, 'name'> {
  const { limits = [], require: requirement, refuse_with: refuseWith, warm_up: warmUp, llm } = values
  const { on_unreadable: onUnreadable, body_types: bodyTypes } = values
  if (refuseWith !== undefined && node.kind === 'map' && !node.entries.has('require'))
    problems.at(node, "'refuse_with' goes with 'require', which is not there; add that, or remove this")
  const rules = withTokenCosts(limits, llm?.options, problems)
  if (onUnreadable === 'pass' && llm !== undefined) {
    const place = node.kind === 'map' ? node.entries.get('on_unreadable')?.value : undefined
    problems.at(place ?? node, PASS_WITH_LLM)
  }
  return {
    rules,
    readsBody: readsBody(rules) || requirement?.readsBody === true,
    ...(llm && { llm: llm.options }),
    ...(llm?.mirror && { mirror: llm.mirror }),
    ...(requirement !== undefined && { require: requirement }),
    ...(refuseWith !== undefined && { refuseWith }),
    ...(warmUp !== undefined && { warmUp }),
    ...(onUnreadable !== undefined && { onUnreadable }),
    ...(bodyTypes !== undefined && { bodyTypes }),
  }
}

/** Tells the routes that no request reaches. */
function checkReach(routes: readonly ReadRoute[], problems: Problems): void {
  const before: { readonly pattern: RoutePattern; readonly node: ConfigNode }[] = []
  for (const { pattern, node } of routes) {
    if (pattern === undefined) continue
    const taker = before.find((earlier) => shadowedBy(earlier.pattern, pattern))
    if (taker !== undefined) {
      const takes = `${quoted(taker.pattern.source)} in line ${problems.lineOf(taker.node)} takes all its requests`
      problems.at(node, `this route is never reached: ${takes}; put this one before it, or remove it`)
    }
    before.push({ pattern, node })
  }
}
