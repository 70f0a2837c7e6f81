import type { SuggestibleRule } from '../../../../src/server/admin/api/replay-types.js'

/** The time range in hours. */
export type Hours = '1' | '6' | '24' | 'all'

/** The parameters of a replay. */
export type ReplayQuery = { readonly hours: Hours } & (
  | { readonly mode: 'running' }
  | { readonly mode: 'other'; readonly yaml: string }
  /** `rule`: the rule whose limit is suggested; undefined if no rule can be tuned. */
  | { readonly mode: 'objective'; readonly objective: string; readonly rule: SuggestibleRule | undefined }
)

/** Returns the query parameters of `/api/replay`. */
export function queryOf(replay: ReplayQuery): URLSearchParams {
  const query = new URLSearchParams()
  if (replay.hours !== 'all') query.set('hours', replay.hours)
  if (replay.mode !== 'objective') return query
  query.set('suggest', replay.objective)
  if (replay.rule !== undefined) {
    query.set('route', replay.rule.route)
    query.set('rule', replay.rule.rule)
  }
  return query
}
