import type { Overrides, Policies } from './policies.js'
import type { PolicyLog } from './policy-log.js'

/**
 * Selects the overrides that still apply under a new configuration. An override is dropped and
 * logged if its rule no longer exists or rejects it.
 *
 * @param policiesWith creates the policies of the configuration; throws if a rule rejects its
 *   override
 */
export function applicableOverrides(
  overrides: Overrides,
  policiesWith: (overrides: Overrides) => Policies,
  log: PolicyLog,
): Overrides {
  if (overrides.size === 0) return overrides
  return new Map(
    [...overrides].filter(([scope, override]) => {
      const reason = rejectionReason(scope, () => policiesWith(new Map([[scope, override]])))
      if (reason !== undefined) log.info({ rule: scope.replace('\n', ' '), reason }, 'dropped rule override')
      return reason === undefined
    }),
  )
}

function rejectionReason(scope: string, createPolicies: () => Policies): string | undefined {
  try {
    const exists = createPolicies().routes.some(({ rules }) => rules.some((rule) => rule.scope === scope))
    return exists ? undefined : 'the configuration has no such rule'
  } catch (error) {
    return (error as Error).message
  }
}
