import type { SearchedRule } from '../../../../src/server/admin/api/replay-types.js'

/** What a limit should grant, and whose limit it is. */
export function ObjectiveFields({
  wish,
  rules,
  rule,
  onWish,
  onRule,
}: {
  readonly wish: string
  readonly rules: readonly SearchedRule[]
  /** Its place among the rules. */
  readonly rule: number
  readonly onWish: (wish: string) => void
  readonly onRule: (rule: number) => void
}) {
  return (
    <>
      <label>
        Objective
        <input
          required
          maxLength={1000}
          placeholder="refuse at most 1% of requests of clients under 60/minute"
          autocomplete="off"
          spellcheck={false}
          value={wish}
          onInput={(event) => onWish(event.currentTarget.value)}
        />
      </label>
      <p class="quiet">
        One or more, with a semicolon between: <code>refuse at most 1% of requests</code>, of all or{' '}
        <code>of clients under 60/minute</code>, <code>of client NAME</code>, <code>of tier NAME</code>;{' '}
        <code>admit at most 2M tokens/minute</code> or requests, <code>in all</code> or{' '}
        <code>per client</code>.
      </p>
      <label>
        Rule whose limit is filterRules for, among the requests of its route
        <select value={String(rule)} onChange={(event) => onRule(Number(event.currentTarget.value))}>
          {rules.map((each, index) => (
            <option key={`${each.route} ${each.rule}`} value={String(index)}>
              {`${each.rule} on ${each.route}, now ${each.limit}`}
            </option>
          ))}
        </select>
      </label>
    </>
  )
}
