/**
 * The value of a claim of a token. Undefined where it is not there.
 *
 * @param name the claim's own name, such as `sub` or `https://models.example/plan`; or a path to a claim within others, such as
 *   `realm_access.plan`; or a JSON pointer (RFC 6901), such as `/roles/0`. A claim that has the whole text as its name comes first.
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

/** What a token has itself, and nothing that every object inherits. */
function member(value: unknown, name: string): unknown {
  if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string, unknown>)[name]
}
