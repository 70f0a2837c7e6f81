/**
 * Returns the value of a claim in a token, or undefined if it is missing.
 *
 * @param name the name of the claim, such as `sub` or `https://models.example/plan`; or a path to a
 *   nested claim, such as `realm_access.plan`; or a JSON pointer (RFC 6901), such as `/roles/0`. A
 *   claim whose name is the whole string takes precedence.
 */
export function claimOf(payload: object, name: string): unknown {
  if (Object.hasOwn(payload, name)) return member(payload, name)
  const steps = name.startsWith('/')
    ? name
        .slice(1)
        .split('/')
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    : name.split('.')
  return steps.reduce(member, payload as unknown)
}

/** Returns an own member of a token, never an inherited one. */
function member(value: unknown, name: string): unknown {
  if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string, unknown>)[name]
}
