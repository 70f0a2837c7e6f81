import { z } from 'zod'
import { PatternError, type PatternSegment, parsePattern, type RoutePattern } from '../routing/pattern.js'
import { shadowedBy } from '../routing/router.js'
import { type Expression, requireExpression } from './cel/expression.js'
import type { PolicyConfig, RouteConfig } from './config.js'
import { reported } from './key-words.js'
import { type ReadRule, readLimit, readsBody, refusalOf } from './limits.js'
import { readLlm } from './llm.js'
import { countsTokens, withTokenCosts } from './token-limits.js'
import { readWarmUp } from './warm-up.js'
import { type ConfigNode, quoted } from './yaml/node.js'
import type { Problems } from './yaml/problems.js'
import { listOf, mapOf, type Read, single, type Values } from './yaml/reading.js'
import { text, wholeNumber } from './yaml/scalars.js'

/** `routes` and `default`: which requests meet which limits. */

const MAX_ROUTES = 1000
const MAX_LIMITS = 32

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
  const source = text(node, problems)
  if (source === undefined) return undefined
  try {
    return parsePattern(source)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    problems.inText(node, error.at, error.message)
    return undefined
  }
}

function readLimits(params: readonly string[] | undefined): Read<readonly ReadRule[]> {
  const read = listOf(readLimit(params), 'a list of limits such as [10/minute]', MAX_LIMITS)
  return (node, problems) => {
    const limits = read(node, problems)
    if (limits !== undefined) checkNames(limits, problems)
    return limits
  }
}

/** Each was taken alone: what the library says of all of them is about the name of the first that it does not take. */
function checkNames(limits: readonly ReadRule[], problems: Problems): void {
  const rules = limits.map(({ rule }) => rule)
  const refusal = refusalOf(rules)
  if (refusal === undefined) return
  const node = limits.find((_, index) => refusalOf(rules.slice(0, index + 1)) !== undefined)?.node
  const name = node?.kind === 'map' ? node.entries.get('name')?.value : undefined
  const place = name ?? node
  if (place !== undefined) problems.at(place, refusal)
}

/** What a policy is made of, beside what it is for. */
function policyShape(params: readonly string[] | undefined, path: string) {
  const requirement: Read<Expression<boolean>> = (node, problems) => {
    const source = text(node, problems)
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
  }
}

function policyOf(
  values: Values<ReturnType<typeof policyShape>>,
  node: ConfigNode,
  problems: Problems,
): Omit<PolicyConfig, 'name'> {
  const { limits = [], require: requirement, refuse_with: refuseWith, warm_up: warmUp, llm } = values
  if (refuseWith !== undefined && node.kind === 'map' && !node.entries.has('require'))
    problems.at(node, "'refuse_with' goes with 'require', which is not there")
  const rules = withTokenCosts(limits, llm?.options, problems)
  const metered = llm !== undefined && countsTokens(rules)
  return {
    rules,
    readsBody: metered || readsBody(rules) || requirement?.readsBody === true,
    ...(metered && { llm: llm.options }),
    ...(llm?.mirror && { mirror: llm.mirror }),
    ...(requirement !== undefined && { require: requirement }),
    ...(refuseWith !== undefined && { refuseWith }),
    ...(warmUp !== undefined && { warmUp }),
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
