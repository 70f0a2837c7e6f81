import { isMap, isScalar, isSeq, parseDocument, stringify, type YAMLMap } from 'yaml'
import type { Suggestion } from './suggest.js'

/**
 * Returns the part of a configuration that a suggestion changes, with the suggested limit.
 *
 * @param source the configuration file
 * @param limit a limit such as `30/minute burst 60`
 */
export function suggestedYaml(source: string, { route, index }: Suggestion, limit: string): string {
  const document = parseDocument(source)
  const routes = document.get('routes')
  const own = isSeq(routes)
    ? routes.items.find((item) => isMap(item) && String(item.get('match')).trim() === route)
    : undefined
  const policy = own ?? document.get('default')
  if (!isMap(policy)) return stringify({ limit })
  const limits = policy.get('limits')
  const count = isSeq(limits) ? limits.items.length : 0
  if (isSeq(limits) && index < count) {
    replaceLimit(limits.items, index, limit)
    return stringify(own === undefined ? { default: policy } : { routes: [policy] })
  }
  // Top-level limits of the file follow those of the route.
  const shared = document.get('limits')
  if (!isSeq(shared)) return stringify({ limit })
  replaceLimit(shared.items, index - count, limit)
  return stringify({ limits: shared })
}

function replaceLimit(items: unknown[], index: number, limit: string): void {
  const item = items[index]
  if (isMap(item)) (item as YAMLMap).set('limit', limit)
  else if (isScalar(item)) item.value = limit
  else items[index] = limit
}
