import type { SuggestibleRule } from '../../../../src/server/admin/api/replay-types.js'

/** The fields for an objective and for the rule whose limit is suggested. */
export function ObjectiveFields({
  objective,
  rules,
  rule,
  onObjective,
  onRule,
}: {
  readonly objective: string
  readonly rules: readonly SuggestibleRule[]
  /** Index of the selected rule. */
  readonly rule: number
  readonly onObjective: (objective: string) => void
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
          value={objective}
          onInput={(event) => onObjective(event.currentTarget.value)}
        />
      </label>
      <p class="quiet">
        Write <code>refuse at most 1% of requests</code>, optionally followed by{' '}
        <code>of clients under 60/minute</code>, <code>of client NAME</code> or <code>of tier NAME</code>; or{' '}
        <code>admit at most 2M tokens/minute</code>, followed by <code>in all</code> or{' '}
        <code>per client</code>. Separate several objectives with semicolons.
      </p>
      <label>
        Rule whose limit is suggested, based on the requests of its route
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
