import type { Permit } from '../permit.js'
import type { Resource } from '../policy/rule.js'

/** Permits by the request that they were given to, as long as the request itself is held. */
const permits = new WeakMap<object, Permit[]>()

/** Notes that a request was given a permit. */
export function rememberPermit(request: object, permit: Permit): void {
  const held = permits.get(request)
  if (held === undefined) permits.set(request, [permit])
  else held.push(permit)
}

/**
 * Says in a handler what its request cost in truth, to every limit that it passed: `settle(request, { tokens: 812 })`.
 *
 * @throws TypeError, RangeError for a cost that a limit cannot count.
 */
export async function settle(
  request: object,
  costs: Readonly<Partial<Record<Resource, number>>>,
): Promise<void> {
  await Promise.all((permits.get(request) ?? []).map((permit) => permit.settle(costs)))
}
