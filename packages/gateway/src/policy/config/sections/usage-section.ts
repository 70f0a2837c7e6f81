import { z } from 'zod'
import { PatternError, parsePattern, type RoutePattern } from '../../routing/route-pattern.js'
import { shadows } from '../../routing/router.js'
import { patternsOf, type RouteConfig, type UsageConfig } from '../config.js'
import { type Decoder, listOf, mapOf, scalar, withKeysOf } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { string } from '../yaml/scalars.js'
import { type ConfigNode, entryOf } from '../yaml/yaml-node.js'

/** Maximum number of models whose usage one answer lists. */
export const MAX_USAGE_MODELS = 20
/** Maximum number of models that metrics name. Each adds about 30 series to each route. */
const MAX_METRIC_MODELS = 50
/** Maximum length of the name of a model, in UTF-16 code units. */
export const MAX_MODEL_LENGTH = 128

const path: Decoder<RoutePattern> = (node, problems) => {
  const source = string('/v1/usage')(node, problems)
  if (source === undefined) return undefined
  try {
    const pattern = parsePattern(source)
    const isPath = pattern.method === undefined && !pattern.rest
    if (isPath && pattern.segments.every(({ kind }) => kind === 'literal')) return pattern
    problems.at(node, "'usage' must be one path without method, parameters and *, such as /v1/usage")
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    problems.inString(node, error.at, error.message)
  }
  return undefined
}

/** @param max maximum number of models */
function modelsDecoder(max: number): Decoder<readonly string[]> {
  return listOf(
    scalar(z.string().min(1).max(MAX_MODEL_LENGTH), `a string of 1 to ${MAX_MODEL_LENGTH} characters`),
    'a list of models such as [small, large]',
    max,
  )
}

/** Decodes `models`: the models that metrics name. */
export const decodeModels = modelsDecoder(MAX_METRIC_MODELS)

const usageMap = mapOf(
  {
    path,
    models: modelsDecoder(MAX_USAGE_MODELS),
  },
  'a path such as /v1/usage, or a map such as { path: /v1/usage, models: [small, large] }',
)

/** Decodes `usage`: where clients look up their limits. */
export const decodeUsage: Decoder<UsageConfig> = withKeysOf(usageMap, (node, problems) => {
  if (node.kind !== 'map') {
    const pattern = path(node, problems)
    return pattern && { pattern, models: [] }
  }
  const values = usageMap(node, problems)
  if (values?.path !== undefined) return { pattern: values.path, models: values.models ?? [] }
  if (!node.entries.has('path')) problems.at(node, "'usage' requires 'path', such as /v1/usage")
  return undefined
})

/** Reports the routes that are unreachable because their requests ask for the usage. */
export function checkUsagePath(
  node: ConfigNode,
  { pattern }: UsageConfig,
  routes: readonly RouteConfig[],
  problems: Problems,
): void {
  const hidden = routes.flatMap(patternsOf).find((other) => shadows(pattern, other))
  if (hidden === undefined) return
  problems.at(
    entryOf(node, 'path') ?? node,
    `the route ${hidden.source} is never reached, since 'usage' answers all requests to ${pattern.source}; choose another path, or remove the route`,
  )
}
