import type { Admission, Overrides } from './policies.js'
import type { PolicyLog } from './policy-log.js'

/**
 * The overrides that still fit, after another configuration was taken up: whose rules are there and take them. The others are
 * dropped, and logged.
 *
 * @param admissionWith makes the admission of the configuration; throws where an override does not fit its rule
 */
export function applicableOverrides(
  overrides: Overrides,
  admissionWith: (overrides: Overrides) => Admission,
  log: PolicyLog,
): Overrides {
  if (overrides.size === 0) return overrides
  return new Map(
    [...overrides].filter(([scope, override]) => {
      const reason = whyUnfit(scope, () => admissionWith(new Map([[scope, override]])))
      if (reason !== undefined)
        log.info({ rule: scope.replace('\n', ' '), reason }, 'what was changed of a rule holds no more')
      return reason === undefined
    }),
  )
}

function whyUnfit(scope: string, admission: () => Admission): string | undefined {
  try {
    const there = admission().policies.some(({ rules }) => rules.some((rule) => rule.scope === scope))
    return there ? undefined : 'the configuration has no such rule'
  } catch (error) {
    return (error as Error).message
  }
}
