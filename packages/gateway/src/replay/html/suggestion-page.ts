import type { GatewayConfig } from '../../policy/config/config.js'
import { compare, replay } from '../replay.js'
import type { ReplayOptions } from '../replay-options.js'
import { sourceOf, type TraceToReread } from '../suggest/evaluate.js'
import { type Suggestion, withSuggested } from '../suggest/suggest.js'
import type { ReportPage } from './fill-template.js'

/**
 * Builds the report page of a suggestion, which compares the current limit with the suggested one.
 *
 * @param yamlOf returns the part of the configuration that contains a limit
 */
export async function pageOfSuggestion(
  trace: TraceToReread,
  config: GatewayConfig,
  suggestion: Suggestion,
  yamlOf: (limit: string) => string,
  options: ReplayOptions,
): Promise<Omit<ReportPage, 'trace'>> {
  const { granted, current, nearest } = suggestion
  const [shown = null] = [granted ?? nearest[0]]
  if (shown === null)
    return { names: [current], report: await replay(sourceOf(trace), config, options), suggestion }
  const suggested = withSuggested(config, suggestion, shown)
  const comparison = await compare(sourceOf(trace), config, suggested, options)
  const yaml = granted === null ? undefined : yamlOf(granted.text)
  return { names: [current, shown.text], report: comparison.one, comparison, suggestion, yaml }
}
