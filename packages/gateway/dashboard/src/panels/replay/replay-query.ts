import type { SearchedRule } from '../../../../src/server/admin/api/replay-types.js'

/** How far back, in hours. */
export type Hours = '1' | '6' | '24' | 'all'

/** What is asked of what was recorded. */
export type ReplayQuery = { readonly hours: Hours } & (
  | { readonly ask: 'running' }
  | { readonly ask: 'other'; readonly yaml: string }
  /** `rule`: whose limit is filterRules for; undefined where there is only one. */
  | { readonly ask: 'wish'; readonly wish: string; readonly rule: SearchedRule | undefined }
)

/** As `/api/replay` takes it. */
export function queryOf(question: ReplayQuery): URLSearchParams {
  const query = new URLSearchParams()
  if (question.hours !== 'all') query.set('hours', question.hours)
  if (question.ask !== 'wish') return query
  query.set('suggest', question.wish)
  if (question.rule !== undefined) {
    query.set('route', question.rule.route)
    query.set('rule', question.rule.rule)
  }
  return query
}
