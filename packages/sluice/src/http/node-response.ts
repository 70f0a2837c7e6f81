import type { ServerResponse } from 'node:http'
import type { Permit } from '../permit.js'

/** Renews a permit's slots while an answer is under way and releases them when it ends, in whatever way it does. */
export function releaseWhenClosed(response: ServerResponse, permit: Permit | undefined): void {
  if (!permit?.holdsSlots) return
  permit.keepRenewed()
  // The client may have gone while the decision was made.
  if (response.closed || response.destroyed) permit[Symbol.dispose]()
  else response.once('close', () => permit[Symbol.dispose]())
}

/** Adds a field to an answer; limits that stand one behind the other each add to the same lists. */
export function joinedField(
  before: number | string | readonly string[] | undefined,
  name: string,
  value: string,
): string {
  const isList = name === 'ratelimit' || name === 'ratelimit-policy'
  return isList && before !== undefined ? `${String(before)}, ${value}` : value
}
