import type { LlmRouteOptions } from '../../llm/llm-call.js'
import { type ListAnswer, listAnswerOf } from '../../llm/model-list.js'
import type { ModelList } from '../../model-access.js'
import {
  PatternError,
  type PatternSegment,
  parsePattern,
  type RoutePattern,
} from '../../routing/route-pattern.js'
import { shadows } from '../../routing/router.js'
import { Problems } from '../yaml/diagnostics.js'
import { string } from '../yaml/scalars.js'
import { type ConfigNode, entryOf, quote } from '../yaml/yaml-node.js'
import { type LlmSection, llmDecoder } from './llm-section.js'
import type { ModelsSection } from './models-section.js'
import { accessOf } from './route-policy.js'

/** A pattern of a route. */
export interface LocatedPattern {
  readonly node: ConfigNode
  readonly pattern: RoutePattern
  /** The API of its path, if the route reads model calls. */
  readonly shape: LlmRouteOptions['shape'] | undefined
  /** Set if its path lists models. */
  readonly modelList: ModelList | undefined
}

/** Formats a pattern's path with `:` for a parameter, before its suffix, and `*` for the rest. */
export function literalPath({ segments, rest }: RoutePattern): string {
  const texts = segments.map((segment) => (segment.kind === 'literal' ? segment.text : `:${segment.suffix}`))
  return ['', ...texts, ...(rest ? ['*'] : [])].join('/')
}

function isParam(segment: PatternSegment): segment is PatternSegment & { readonly kind: 'param' } {
  return segment.kind === 'param'
}

/** Maximum number of patterns of one route. */
const MAX_PATTERNS = 32

/** Decodes `match`: a pattern, or a list of patterns that are one route. */
export function decodePatterns(
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
export function commonParams(
  patterns: readonly { readonly pattern: RoutePattern }[],
): readonly string[] | undefined {
  const [first, ...others] = patterns.map(({ pattern }) =>
    pattern.segments.filter(isParam).map((segment) => segment.name),
  )
  return first?.filter((name) => others.every((params) => params.includes(name)))
}

/** Reports whether all requests of a route list models. */
export function isModelList(patterns: readonly { readonly pattern: RoutePattern }[]): boolean {
  return patterns.length > 0 && patterns.every(({ pattern }) => listAnswer(pattern) !== undefined)
}

function listAnswer(pattern: RoutePattern): ListAnswer | undefined {
  const params = pattern.segments.filter(isParam).map(({ name }) => name)
  return pattern.method === 'GET' ? listAnswerOf(literalPath(pattern), params) : undefined
}

export function modelListOf(
  pattern: RoutePattern,
  section: ModelsSection | undefined,
): ModelList | undefined {
  const answer = listAnswer(pattern)
  return answer && { answer, access: accessOf(section), ...(section?.list && { models: section.list }) }
}

/** Returns the shape of model calls to the path of a pattern. A vendor has several. */
export function shapeOf(
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
export function checkVariants(
  patterns: readonly LocatedPattern[],
  hasLlm: boolean,
  problems: Problems,
): void {
  for (const { node, pattern, shape } of patterns)
    if (hasLlm && shape === undefined)
      problems.at(
        node,
        `the path of ${quote(pattern.source)} does not determine the shape of 'llm'; move it to a route of its own`,
      )
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

/** Reports routes that are unreachable because of an earlier route. */
export function checkReachable(patterns: readonly LocatedPattern[], problems: Problems): void {
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
